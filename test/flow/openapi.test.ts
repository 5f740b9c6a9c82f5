/** docs/audit/openapi.yaml against the gateway that it describes, both ways. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { askAdmin, bearer, startAdminGateway } from '../support/admin-gateway.ts'
import { eachCase } from '../support/cases.ts'
import { grant } from '../support/grant.ts'
import { root } from '../support/installation.ts'

interface Parameter {
  readonly $ref?: string
  readonly name?: string
  readonly in?: string
}

interface Operation {
  readonly 'x-role': 'viewer' | 'auditor' | 'operator'
  readonly parameters?: readonly Parameter[]
  readonly responses: Readonly<Record<string, unknown>>
}

const { paths } = parse(readFileSync(join(root, 'docs/audit/openapi.yaml'), 'utf8')) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
)
/** A path that there is, of the template. */
const examples: Readonly<Record<string, string>> = { id: 'none', index: '0', path: '0/000', name: 'none', revision: 'none' }
const exampleOf = (path: string) => path.replace(/\{(\w+)\}/g, (_, name: string) => examples[name] ?? 'none')
const queryNames = ({ parameters = [] }: Operation) =>
  parameters.flatMap(({ $ref, name, in: place }) =>
    $ref !== undefined ? [$ref.split('/').at(-1) ?? ''] : place === 'query' ? [name ?? ''] : [],
  )

test('each operation is for its role and above, and answers as it says', async (t) => {
  const { adminPort } = await startAdminGateway(
    t,
    {
      manifests: { 'weather.yaml': grant() },
      admin: `tokens: [{ name: v, role: viewer, token: { file: ./viewer } }, { name: a, role: auditor, token: { file: ./auditor } }, { name: o, role: operator, token: { file: ./operator } }]`,
    },
    async ({ write }) => {
      write('viewer', 'token-of-the-viewer')
      write('auditor', 'token-of-the-auditor')
      write('operator', 'token-of-the-operator')
    },
  )
  const status = async (who: string, method: string, path: string) =>
    (await askAdmin(adminPort, path, { method, headers: bearer(`token-of-the-${who}`) })).status
  const acting = new Set(['/v1/audit/stream', '/v1/ca/rotate', '/v1/reload'])
  await eachCase(operations, async ({ path, method, operation }) => {
    const allowed = ['viewer', 'auditor', 'operator'].slice(['viewer', 'auditor', 'operator'].indexOf(operation['x-role']))
    const denied = ['viewer', 'auditor'].filter((role) => !allowed.includes(role))
    await eachCase(denied, async (role) => assert.equal(await status(role, method, exampleOf(path)), 403))
    // A stream does not end, and others do something.
    await eachCase(acting.has(path) ? [] : allowed.slice(0, 1), async (role) => {
      const given = await status(role, method, exampleOf(path))
      assert.ok(given === 400 || String(given) in operation.responses, `${given}`)
    })
  })
  const named = operations.filter(({ path }) => /^\/v1\/audit\/(?:records|sums|stream)$/.test(path))
  assert.equal(named.length, 3)
  await eachCase(named, async ({ path, operation }) => {
    const { text } = await askAdmin(adminPort, `${path}?unknown=1`, { headers: bearer('token-of-the-auditor') })
    const known = /there are (.*)$/.exec(JSON.parse(text).detail)?.[1]?.split(', ')
    assert.deepEqual(known, queryNames(operation))
  })
})

test('each route of the API is described', () => {
  const text = globSync('src/admin/*.ts', { cwd: root })
    .map((path) => readFileSync(join(root, path), 'utf8'))
    .join('\n')
  assert.deepEqual(
    text.match(/(?:app|routes)\.(?:post|put|patch|delete|all)\('/g),
    ["app.post('"],
    'a route that does something is an act: acts.add',
  )
  const routes = [...text.matchAll(/(?:app\.(get)|acts\.(add))\(\s*'(\/v1\/[^'{]*)'/g)].map(([, get, , path = '']) => [
    get ?? 'post',
    path.replace(/:\w+/g, '{}'),
  ])
  const described = operations.map(({ method, path }) => `${method.toLowerCase()} ${path.replace(/\{\w+\}/g, '{}')}`)
  assert.ok(routes.length > 10)
  assert.deepEqual(
    routes.map((route) => route.join(' ')).filter((route) => !described.includes(route)),
    [],
  )
})
