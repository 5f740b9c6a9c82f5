/** The rules of a sink: what they drop and mask, whatever the view, and what becomes of a record on which they fail. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { createCompile } from '../../src/opa/index.ts'
import { loadMasks } from '../../src/sinks/mask-records.ts'
import { createShape } from '../../src/sinks/shape.ts'
import { createFolder } from '../support/folder.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')
const context = { origin: 'sallyport/5f0c', version: '0.1.0' }

async function masksOf(t: TestContext, files: Readonly<Record<string, string>>) {
  const failures: string[] = []
  const mask = await loadMasks({
    folder: createFolder(t, files),
    cacheFolder: createFolder(t),
    compile: createCompile(),
    onFailure: ({ message }) => failures.push(message),
  })
  return { mask, failures, shape: createShape({ view: 'json', mask, context }) }
}

const decided = {
  seq: 7,
  time: '2026-11-28T04:00:00.000Z',
  type: 'decided',
  integration: 'weather',
  subject: { host: 'api.example', path: '/v1', query: 'q=1', bytes: 12345678901234567890n.toString() },
}
const stored = { index: 7, text: JSON.stringify(decided) }

test('the rules of a sink drop records and mask parts of them; the leaf stays that of the log', async (t) => {
  const { shape, failures } = await masksOf(t, {
    'masks.rego': rego`
      package system.log

      drop if input.input.type == "summed"

      mask contains "/input/subject/query"

      mask contains {"op": "upsert", "path": "/input/integration", "value": "hidden"} if input.input.integration == "weather"
    `,
  })
  const { query: _, ...subject } = decided.subject
  const record = shape.record(stored, 0)
  assert.deepEqual(record?.document, { ...decided, integration: 'hidden', subject })
  assert.deepEqual([record?.index, record?.type, record?.time], [7, 'decided', decided.time])
  assert.equal(record?.leaf, createShape({ view: 'json', mask: null, context }).record(stored, 0)?.leaf)
  assert.equal(shape.record({ index: 8, text: '{"seq":8,"time":"2026-11-28T04:00:00.000Z","type":"summed"}' }, 0), null)
  assert.equal(
    shape.record({ index: 9, text: '{"seq":9,"time":"2026-11-28T04:00:00.000Z","type":"stopped","records":1.50}' }, 0)?.text,
    '{"seq":9,"time":"2026-11-28T04:00:00.000Z","type":"stopped","records":1.50}',
  )
  assert.deepEqual(failures, [])
})

test('of a record on which the rules fail, nothing is shipped that they may be for', async (t) => {
  const { shape, failures } = await masksOf(t, {
    'masks.rego': rego`
      package system.log

      mask contains path if path := input.input.subject.path
    `,
  })
  const wrong = { ...decided, subject: { path: 'no pointer' } }
  assert.deepEqual(shape.record({ index: 7, text: JSON.stringify(wrong) }, 0)?.document, {
    seq: 7,
    time: decided.time,
    type: 'decided',
    error: 'the rules of this sink failed on the record: the rest of it is left out',
  })
  assert.deepEqual(failures, ['a mask’s path does not begin with a slash'])
})

test('a folder of rules that masks nothing, or that does not compile, is refused', async (t) => {
  await assert.rejects(
    masksOf(t, { 'rules.rego': 'package sallyport.rules\n' }),
    /has no rules of package system.log: nothing would be masked/,
  )
  await assert.rejects(masksOf(t, { 'masks.rego': 'package system.log\n\nmask contains x\n' }), /masks\.rego/)
})
