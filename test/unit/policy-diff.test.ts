/** What a change of manifests and rules comes to, in words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diffRules } from '../../src/authoring/index.ts'
import { diffManifests } from '../../src/manifests/index.ts'
import { integrationOf } from '../support/judge.ts'
import { rego } from '../support/rego.ts'

const manifestOf = (rest: string) => integrationOf(`apiVersion: sallyport/v1\nkind: Integration\nname: weather\nowner: me\n${rest}\n`)
const diff = (before: string, after: string) => diffManifests([manifestOf(before)], [manifestOf(after)])
/** Of the only capability that changed. */
const only = (before: string, after: string) => {
  const [{ capabilities = [] } = {}] = diff(before, after)
  assert.equal(capabilities.length, 1)
  const [capability] = capabilities
  return {
    change: capability?.change,
    newlyAllowed: capability?.newlyAllowed,
    noLongerAllowed: capability?.noLongerAllowed,
    changed: capability?.changed,
    coveredBy: capability?.coveredBy,
  }
}
const network = (fields: string) => `network: [{ hosts: [a.example.com], methods: [GET], paths: [/v1/**], ${fields} }]`

for (const [what, before, after, expected] of [
  [
    'a method more widens',
    network(''),
    'network: [{ hosts: [a.example.com], methods: [GET, POST], paths: [/v1/**] }]',
    { change: 'widened', newlyAllowed: ['method POST'] },
  ],
  [
    'a path less, covered by nothing, narrows',
    'network: [{ hosts: [a.example.com], paths: [/v1/**, /v2/a] }]',
    'network: [{ hosts: [a.example.com], paths: [/v1/**] }]',
    { change: 'narrowed', noLongerAllowed: ['path /v2/a'] },
  ],
  [
    'every path instead of some widens by all others',
    network(''),
    'network: [{ hosts: [a.example.com], methods: [GET] }]',
    { change: 'widened', newlyAllowed: ['every path beside /v1/**'] },
  ],
  [
    'a wildcard over hosts widens',
    network(''),
    'network: [{ hosts: [a.example.com, "*.example.com"], methods: [GET], paths: [/v1/**] }]',
    { change: 'widened', newlyAllowed: ['host *.example.com'] },
  ],
  [
    'a blind tunnel instead of an opened one is said to be blind',
    'network: [{ hosts: [a.example.com], tls: intercept }]',
    'network: [{ hosts: [a.example.com], tls: tunnel }]',
    { change: 'changed', changed: ['tls: intercept → tunnel (requests inside are no longer seen or judged)'] },
  ],
  [
    'an address block widens, a lower cap narrows',
    network('maxReply: 2MiB'),
    network('maxReply: 1MiB, addresses: [10.0.0.0/8]'),
    { change: 'changed', newlyAllowed: ['address block 10.0.0.0/8'], noLongerAllowed: ['reply bytes from 1048576 to 2097152'] },
  ],
  [
    'WebSockets widen',
    'services: [{ name: s }]',
    'services: [{ name: s, websocket: true }]',
    { change: 'widened', newlyAllowed: ['upgrade WebSocket'] },
  ],
  ['WebSockets to a host widen', network(''), network('websocket: true'), { change: 'widened', newlyAllowed: ['upgrade WebSocket'] }],
  [
    'a file action less narrows',
    'files: [{ name: d, root: /d, actions: [read, write] }]',
    'files: [{ name: d, root: /d, actions: [read] }]',
    { change: 'narrowed', noLongerAllowed: ['action write'] },
  ],
  [
    'another root is another thing',
    'files: [{ name: d, root: /d, actions: [read] }]',
    'files: [{ name: d, root: /e, actions: [read] }]',
    { change: 'changed', changed: ['root: /d → /e'] },
  ],
  [
    'an added capability is told whole',
    '',
    network(''),
    { change: 'added', newlyAllowed: ['a.example.com: port 443; method GET; path /v1/**; tls: intercept'] },
  ],
  [
    'one that another covers allows nothing new',
    'network: [{ hosts: ["*.example.com"], tls: intercept }]',
    'network: [{ hosts: ["*.example.com"], tls: intercept }, { hosts: [a.example.com], methods: [GET], tls: intercept }]',
    { change: 'added', newlyAllowed: ['a.example.com: port 443; method GET; every path; tls: intercept'], coveredBy: 'network/0' },
  ],
] as const)
  test(what, () =>
    assert.deepEqual(only(before, after), { newlyAllowed: [], noLongerAllowed: [], changed: [], coveredBy: null, ...expected }),
  )

test('comments, the order of capabilities and defaults that are written out are no difference', () => {
  const [a, b] = ['{ hosts: [a.example.com], tls: intercept }', '{ hosts: [b.example.com], paths: [/x] }']
  assert.deepEqual(diff(`network: [${a}, ${b}]`, `# why\nnetwork: [${b}, ${a.replace('tls', 'ports: [443], tls')}]`), [])
})

test('what stands beside capabilities is told field by field, tokens by their number', () => {
  const token = (digit: string) => `identity: { tokens: [{ sha256: "${digit.repeat(64)}" }] }`
  const [change] = diff(
    `${token('a')}\nlimits: { requests: { rate: 5/s, burst: 5 } }`,
    `${token('b')}\nlimits: { requests: { rate: 7/s, burst: 5 } }\nlabels: { team: maps }`,
  )
  assert.deepEqual(change?.fields, ['labels.team: absent → "maps"', 'limits.requests.rate: 5 → 7', 'identity.tokens: 1 added, 1 removed'])
})

test('integrations that come and go are told with all they may do', () => {
  const capability = manifestOf(network(''))
  const told = diffManifests([capability], [{ ...capability, name: 'mail' }]).map(({ name, change, capabilities }) => [
    name,
    change,
    capabilities.map((each) => each.change),
  ])
  assert.deepEqual(told, [
    ['mail', 'added', ['added']],
    ['weather', 'removed', ['removed']],
  ])
})

test('rules are told as unified text', async () => {
  const text = (line: string) => rego`
    package sallyport.rules

    ${line}
  `
  assert.deepEqual(
    await diffRules(
      { 'rules/a.rego': text('one'), 'rules/b.rego': text('b') },
      { 'rules/a.rego': text('two'), 'rules/b.rego': text('b'), 'rules/c.rego': 'c\n' },
    ),
    [
      {
        file: 'rules/a.rego',
        change: 'changed',
        diff: '--- a/rules/a.rego\n+++ b/rules/a.rego\n@@ -1,3 +1,3 @@\n package sallyport.rules\n \n-one\n+two\n',
      },
      { file: 'rules/c.rego', change: 'added', diff: '--- /dev/null\n+++ b/rules/c.rego\n@@ -0,0 +1,1 @@\n+c\n' },
    ],
  )
})
