/** A witness cosigns the log's checkpoints, over real HTTP: what was cut off or rolled back shows, and no request waits for it. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { askGateway } from '../../src/cli/admin-client.ts'
import { formatProof, openProver, parseVerifierKey, verifyAudit, verifyProof } from '../../src/proof/index.ts'
import { createWitnessing } from '../../src/sinks/witnessing.ts'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { decisions } from '../support/tampering.ts'
import { type Tlog, writeTlog } from '../support/tlog-folder.ts'
import { startWitness, type TestWitness } from '../support/witness.ts'

const lines = writtenLines(900)

function writtenLines(count: number): readonly string[] {
  return decisions(count).map((record, seq) => JSON.stringify({ seq, time: '2026-01-01T00:00:00Z', ...(record as object) }))
}

/** Another run of the gateway's process that has checkpoints cosigned. */
function witnessing(t: TestContext, folder: string, { url, verifierKey }: TestWitness) {
  const running = createWitnessing({ folder, witness: { url, key: verifierKey }, pollMs: 10, maxDelayMs: 20 })
  t.after(() => running.close(0, 0))
  return running
}

const cosignedSize = (folder: string) =>
  existsSync(join(folder, 'witnessed')) ? Number(readFileSync(join(folder, 'witnessed'), 'utf8').split('\n')[1]) : 0
const cosigns = (folder: string, size: number) => eventually(`${size} records are cosigned`, () => cosignedSize(folder) === size || null)

async function arrange(t: TestContext): Promise<{ log: Tlog; folder: string; witness: TestWitness; grow: (count: number) => void }> {
  const folder = createFolder(t)
  const log = writeTlog(folder, { records: lines.slice(0, 300) })
  const witness = await startWitness(t, [log.verifierKey])
  return { log, folder, witness, grow: (count) => void writeTlog(folder, { records: lines.slice(0, count), key: log.key }) }
}

test('each checkpoint is cosigned as the log grows, over restarts, and verifying and proving use that', async (t) => {
  const { log, folder, witness, grow } = await arrange(t)
  const first = witnessing(t, folder, witness)
  await cosigns(folder, 300)
  grow(301)
  await cosigns(folder, 301)
  await eventually('it says so', () => first.progress().next === 301 || null)
  assert.deepEqual([first.progress().shipped, first.progress().problem], [2, null])
  await first.close(0, 0)
  grow(900)
  const second = witnessing(t, folder, witness)
  await cosigns(folder, 900)
  await second.close(0, 0)
  assert.deepEqual(witness.answers, [200, 200, 409, 200])
  const [key, by] = [parseVerifierKey(log.verifierKey), parseVerifierKey(witness.verifierKey)]
  const witnessed = await verifyAudit(folder, { key, witnesses: [by] })
  assert.deepEqual([witnessed.findings, witnessed.cosignatures.map(({ name, size }) => [name, size])], [[], [['witness.example/w1', 900]]])
  const stranger = parseVerifierKey((await startWitness(t, [], 'witness.example/w2')).verifierKey)
  const [missing] = (await verifyAudit(folder, { key, witnesses: [stranger] })).findings
  assert.deepEqual([missing?.file, missing?.what], ['checkpoint', 'has no cosignature of witness.example/w2'])
  const verified = await verifyAudit(folder, { key, checkpoints: [{ name: 'witnessed', bytes: readFileSync(join(folder, 'witnessed')) }] })
  assert.deepEqual(verified.findings, [])
  const prover = openProver(folder)
  const proved = verifyProof(Buffer.from(formatProof(prover.prove(7))), key, [by])
  prover.close()
  assert.deepEqual(
    proved.checkpoint.signatures.map(({ key: { name } }) => name),
    [log.origin, 'witness.example/w1'],
  )
})

test('a log that was rolled back, or written anew by its own key, is told from what the witness saw, and is not cosigned', async (t) => {
  const { log, folder, witness, grow } = await arrange(t)
  await witnessing(t, folder, witness).close(0, 5000)
  grow(200)
  const rolledBack = witnessing(t, folder, witness)
  await eventually(
    'it is noticed',
    () => /has seen 300 records of this log, which has 200: it was rolled back/.test(rolledBack.progress().problem ?? '') || null,
  )
  await rolledBack.close(0, 0)
  writeTlog(folder, { records: lines.slice(0, 400).with(3, (lines[3] ?? '').replace('200', '403')), key: log.key })
  const forked = witnessing(t, folder, witness)
  await eventually('it is noticed', () => /has not grown out of what it saw before/.test(forked.progress().problem ?? '') || null)
  assert.equal(cosignedSize(folder), 300)
  const [finding] = (await verifyAudit(folder)).findings
  assert.deepEqual([finding?.file, finding?.what], ['witnessed', 'is not of the same log: its first 300 records were others'])
})

test('nothing that is not a cosignature of this checkpoint by this witness is kept, and an honest answer is later', async (t) => {
  const { folder, witness, grow } = await arrange(t)
  const other = await startWitness(t, [])
  const line = (text: string) => ({ status: 200, body: text })
  let honestBefore = ''
  const lies: Record<string, TestWitness['misbehave']> = {
    nothing: () => line(''),
    'the line of another checkpoint': () => line(honestBefore),
    'a damaged line': (_request, { body }) => line(body.replace(/.{10}\n$/, 'AAAAAAAAA=\n')),
    'a page': () => line('<html></html>\n'),
    'a size that is none': () => ({ status: 409, type: 'text/x.tlog.size', body: '1e9\n' }),
    'a size again and again': () => ({ status: 409, type: 'text/x.tlog.size', body: '7\n' }),
    'an error': () => ({ status: 500, body: '' }),
    'the key of another': () => line(`— witness.example/w1 ${Buffer.alloc(76).toString('base64')}\n`),
  }
  assert.notEqual(other.verifierKey, witness.verifierKey)
  witness.misbehave = (_request, honest) => {
    honestBefore = honest.body
    return honest
  }
  const running = witnessing(t, folder, witness)
  await cosigns(folder, 300)
  grow(400)
  await eachCase(Object.entries(lies), async ([name, lie]) => {
    const { errors } = running.progress()
    witness.seen.clear()
    witness.misbehave = lie
    await eventually(name, () => running.progress().errors > errors + 1 || null)
    assert.deepEqual([cosignedSize(folder), running.progress().problem === null], [300, false], name)
    await new Promise(setImmediate)
  })
  witness.misbehave = null
  await cosigns(folder, 400)
})

test('a gateway has its log cosigned to its last record, and goes on where the witness never answers', async (t) => {
  const origin = await startOrigin(t)
  // The log's name is made at its first start: the witness is told of it then.
  const witness = await startWitness(t, [])
  const installation = createInstallation(t, {
    config: `audit: { witness: { url: "${witness.url}", key: "${witness.verifierKey}" } }`,
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) },
  })
  const folder = join(installation.folder, 'state/audit')
  const { gateway, proxyPort } = await startHere(t, installation)
  witness.knows(readFileSync(join(folder, 'verifier-key'), 'utf8').trim())
  const ask = () =>
    exchangeRaw(
      proxyPort,
      `GET http://localhost:${origin.port}/ HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
    )
  const sinkOf = async () => {
    const { body } = await askGateway(join(installation.folder, 'state/admin.sock'), 'GET', '/v1/status')
    return (body as { audit: { sinks: { name: string; problem: string | null; next: number | null }[] } }).audit.sinks[0]
  }
  await ask()
  await eventually('it is cosigned', () => cosignedSize(folder) > 0)
  await eventually('status says so', async () => ((await sinkOf())?.next ?? 0) > 0)
  witness.misbehave = () => new Promise(() => {})
  assert.match(await ask(), /^HTTP\/1\.1 200 /)
  assert.equal((await sinkOf())?.name, 'witness')
  witness.misbehave = null
  await ask()
  await gateway.close()
  assert.deepEqual((await verifyAudit(folder)).findings, [])
})
