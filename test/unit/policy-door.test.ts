/** What rules ask outside is read as what comes through the other doors: the same forms, one spelling, the same refusals. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AccessRequest, type Arrival, type Identified, Refusal } from '../../src/core/index.ts'
import { createPolicyDoor } from '../../src/ingress/policy-door.ts'
import { createCaller } from '../support/caller.ts'
import { integrationOf } from '../support/judge.ts'

const start = 'apiVersion: sallyport/v1\nkind: Integration\nname: weather\nowner: tests\n'

/** As it is read, or what it is refused with. */
async function readOf(url: string, capability: string): Promise<AccessRequest | Refusal> {
  const integration = integrationOf(`${start}network: [{ hosts: [a.example], ${capability} }]`)
  const who: Identified = { integration, identity: 'policy' }
  let read: AccessRequest | Refusal | undefined
  const handle = async (arrival: Arrival): Promise<never> => {
    try {
      read = await arrival.read(who)
    } catch (error) {
      assert.ok(error instanceof Refusal, String(error))
      read = error
    }
    throw new Error('only looked at')
  }
  const door = createPolicyDoor({ handle, nextId: () => 'id', identify: () => who, maxReplyBytes: 1 })
  await assert.rejects(
    door.send(
      { method: 'GET', url, headers: ['X-HTTP-Method-Override', 'DELETE', 'Accept', 'a'], body: null, timeoutMs: 60_000 },
      { id: 'parent', integration, hangup: createCaller().hangup },
    ),
    /only looked at/,
  )
  return read as AccessRequest | Refusal
}

const literal = 'encodedSlash: literal, emptySegments: literal'
for (const [url, path] of [
  ['http://a.example/./x/.', '/x/'],
  ['HTTP://A.example/x', '/x'],
  ['https://a.example/@types%2fnode', '/@types%2Fnode'],
  ['https://a.example//keys//a', '//keys//a'],
] as const)
  test(`${url} is read as ${path}`, async () => {
    const read = await readOf(url, literal)
    assert.ok('target' in read, String(read))
    assert.deepEqual(read.target, {
      scheme: url.slice(0, 5).toLowerCase().replace(':', ''),
      host: 'a.example',
      port: url.startsWith('https') ? 443 : 80,
      method: 'GET',
      path,
      query: '',
    })
    assert.deepEqual((read as { headers: readonly string[] }).headers, ['Accept', 'a', 'host', 'a.example'])
  })

for (const [url, capability] of [
  ['https://a.example/@types%2fnode', 'methods: [GET]'],
  ['https://a.example//keys', 'methods: [GET]'],
  ['https://a.example//keys', 'encodedSlash: literal'],
  ['https://a.example/a/..%2fb', literal],
  ['https://a.example/%2e%2e%2fb', literal],
  ['https://a.example//../b', literal],
] as const)
  test(`${url} is refused where the manifest says ${capability}`, async () => {
    const read = await readOf(url, capability)
    assert.ok(read instanceof Refusal)
    assert.equal(read.code, 'malformed-request')
  })
