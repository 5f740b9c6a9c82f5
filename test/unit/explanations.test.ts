/** Explanations over HTTP: recorded like every read of the log, without what the principal may not see, and of nothing but an id. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createExplanations } from '../../src/admin/log/explanations.ts'
import { BadQuestion } from '../../src/admin/log/filter.ts'
import type { Principal } from '../../src/operators/index.ts'
import { askAdmin } from '../support/admin-gateway.ts'
import { eachCase } from '../support/cases.ts'

const ann: Principal = { name: 'ann', role: 'auditor', personal: false, by: 'token', expiresAtMs: null }
const explained = {
  record: { id: 'a1', subject: { path: '/private/a' }, reasons: ['network/0 does not allow the path /private/a'] },
  change: { add: { network: [{ paths: ['/private/a'] }] } },
}

async function arrange(t: TestContext, { hidden = [] as readonly string[], answer = { json: JSON.stringify(explained) } as object } = {}) {
  const asked: string[] = []
  const reads: unknown[] = []
  const explain = createExplanations(
    async (id) => {
      asked.push(id)
      return answer as never
    },
    { once: async (principal, what, records, facts) => void reads.push([principal.name, what, records, facts]) },
  )
  const server = createServer((req, res) => {
    explain(res, ann, decodeURIComponent((req.url ?? '').slice(1)), hidden).catch((error: unknown) => {
      assert.ok(error instanceof BadQuestion)
      res.writeHead(error.status).end(error.message)
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  const ask = (id: string) => askAdmin((server.address() as AddressInfo).port, `/${encodeURIComponent(id)}`)
  return { ask, asked, reads }
}

test('an explanation is answered once it is recorded who has read it', async (t) => {
  const { ask, reads } = await arrange(t)
  const { status, text } = await ask('a1')
  assert.deepEqual([status, JSON.parse(text)], [200, explained])
  assert.deepEqual(reads, [['ann', 'explanation', 1, { id: 'a1' }]])
})

test('personal members are masked wherever their text stands, and who may not see ids may not ask by one', async (t) => {
  const { ask } = await arrange(t, { hidden: ['path'] })
  const { text } = await ask('a1')
  assert.doesNotMatch(text, /private/)
  assert.match(text, /does not allow the path \[personal\]/)
  const other = await arrange(t, { hidden: ['id'] })
  assert.equal((await other.ask('a1')).status, 403)
  assert.deepEqual(other.asked, [])
})

test('nothing that is no id reaches the command', async (t) => {
  const { ask, asked } = await arrange(t)
  await eachCase(['a b', '../x', 'a;b', `a${'b'.repeat(100)}`, 'ü', ''], async (id) => assert.equal((await ask(id)).status, 400))
  assert.deepEqual(asked, [])
})

test('what cannot be explained is told as such, and with no control that acts on a terminal', async (t) => {
  const { ask, reads } = await arrange(t, { answer: { problem: 'there is no decision about\u001b[2J' } })
  const { status, text } = await ask('a1')
  assert.deepEqual([status, JSON.parse(text)], [422, { ok: false, problem: 'there is no decision about\\u001b[2J' }])
  assert.deepEqual(reads, [['ann', 'explanation', 0, { id: 'a1' }]])
})
