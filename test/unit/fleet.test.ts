/** What the consumer of a fleet's records finds in what comes over the topic. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createFirstUseKeys, readKeys } from '../../src/fleet/keys.ts'
import { openStore } from '../../src/fleet/store.ts'
import { createFleetVerifier } from '../../src/fleet/verifier.ts'
import { createWriter } from '../../src/fleet/write-out.ts'
import type { TopicMessage } from '../../src/sinks/kafka/messages.ts'
import { fleetGateway, receivedMessage, withRange } from '../support/fleet.ts'
import { createFolder } from '../support/folder.ts'

/** A consumer with a folder of its own; `take` gives the kinds of what it finds. */
function consumer(t: TestContext, keys = createFirstUseKeys(), folder = createFolder(t)) {
  const store = openStore(folder, 'audit')
  const verifier = createFleetVerifier(store, keys)
  const found = (messages: readonly TopicMessage[]) =>
    messages.flatMap((message) => verifier.take(receivedMessage(message), 'audit/0@0').findings)
  return {
    store,
    verifier,
    found,
    take: (...messages: readonly TopicMessage[]) => found(messages).map(({ kind }) => kind),
    gateway: (origin: string) => store.gateways.get(origin),
    restart() {
      store.commit()
      store.close()
      return consumer(t, keys, folder)
    },
  }
}

test('records that come whole and in order are proven by their checkpoint', (t) => {
  const gateway = fleetGateway()
  const { take, gateway: known } = consumer(t)
  assert.deepEqual(take(...gateway.messages([...gateway.records(300), gateway.checkpoint()])), ['new-gateway'])
  assert.deepEqual(take(...gateway.messages([...gateway.records(77), gateway.checkpoint()])), [])
  assert.equal(known(gateway.origin)?.proven?.size, 377)
  assert.equal(known(gateway.origin)?.records, 377)
})

test('a checkpoint that comes behind records which it does not cover is verified at its own size', (t) => {
  const gateway = fleetGateway()
  const { take, gateway: known } = consumer(t)
  const [first, checkpoint, second] = [gateway.records(5), gateway.checkpoint(), gateway.records(5)]
  assert.deepEqual(take(...gateway.messages([...first, ...second, checkpoint, gateway.checkpoint()])), ['new-gateway'])
  assert.equal(known(gateway.origin)?.proven?.size, 10)
})

test('what comes again is counted, and is no finding, over restarts too', (t) => {
  const gateway = fleetGateway()
  const messages = gateway.messages([...gateway.records(20), gateway.checkpoint()])
  const before = consumer(t)
  before.take(...messages)
  const { take, gateway: known } = before.restart()
  assert.deepEqual(take(...messages), [])
  assert.equal(known(gateway.origin)?.duplicates, 21)
  assert.deepEqual(take(...gateway.messages([...gateway.records(3), gateway.checkpoint()])), [])
  assert.equal(known(gateway.origin)?.proven?.size, 23)
})

test('two gateways over one topic are held apart', (t) => {
  const [one, other] = [fleetGateway(), fleetGateway()]
  const { take, gateway: known } = consumer(t)
  const mixed = one.messages(one.records(4)).flatMap((message, place) => [message, ...other.messages(other.records(1)).slice(place, 4)])
  assert.deepEqual(take(...mixed.slice(0, 2), ...mixed.slice(2), ...one.messages([one.checkpoint()])), ['new-gateway'])
  assert.equal(known(one.origin)?.proven?.size, 4)
})

test('ten thousand gateways over one topic are each proven, also over a restart, and one whose record is missing is found among them', (t) => {
  const gateways = Array.from({ length: 10_000 }, () => fleetGateway())
  const before = consumer(t)
  const began = gateways.flatMap((gateway) => gateway.messages(gateway.records(1)))
  assert.deepEqual(new Set(before.take(...began)), new Set())
  const { found, gateway: known } = before.restart()
  const [broken] = gateways.splice(7000, 1)
  const ended = gateways.flatMap((gateway) => gateway.messages([...gateway.records(1), gateway.checkpoint()]))
  const gap = broken?.messages([...(broken.records(2).slice(1) ?? []), broken.checkpoint()]) ?? []
  assert.deepEqual(
    found([...ended, ...gap]).flatMap(({ kind, origin }) => (kind === 'new-gateway' ? [] : [[kind, origin]])),
    [['gap', broken?.origin]],
  )
  assert.ok(gateways.every(({ origin }) => known(origin)?.proven?.size === 2))
})

test('a record that is missing is a gap, said once, and what it covers is not proven until it comes', (t) => {
  const gateway = fleetGateway()
  const messages = gateway.messages([...gateway.records(10), gateway.checkpoint()])
  const { found, take, gateway: known } = consumer(t)
  const [gap] = found(messages.filter((_, place) => place !== 4 && place !== 5)).filter(({ level }) => level === 'error')
  assert.equal(gap?.text, 'records 4 to 5 are missing: record 6 came behind record 3')
  assert.equal(known(gateway.origin)?.proven?.size, 0)
  assert.deepEqual(take(...messages.slice(4, 6)), ['reordered'])
  assert.equal(known(gateway.origin)?.proven?.size, 10)
  assert.deepEqual(known(gateway.origin)?.missing, [])
})

test('records that a checkpoint covers and that did not come are a gap', (t) => {
  const gateway = fleetGateway()
  const messages = gateway.messages([...gateway.records(10), gateway.checkpoint()])
  const { take } = consumer(t)
  assert.deepEqual(take(...messages.slice(0, 8), ...messages.slice(10)), ['new-gateway', 'gap'])
})

test('a record that was changed on its way is found, and the one that the gateway signed is still proven', (t) => {
  const gateway = fleetGateway()
  const messages = gateway.messages([...gateway.records(10), gateway.checkpoint()])
  const changed = messages.with(3, { ...(messages[3] as TopicMessage), value: Buffer.from('{"seq":3,"type":"nothing"}') })
  const { found, gateway: known } = consumer(t)
  assert.deepEqual(
    found(changed).map(({ kind, index }) => ({ kind, index })),
    [
      { kind: 'altered', index: 3 },
      { kind: 'new-gateway', index: null },
    ],
  )
  assert.equal(known(gateway.origin)?.proven?.size, 10)
})

test('a record that was replaced together with its hash contradicts the checkpoint', (t) => {
  const gateway = fleetGateway()
  const messages = gateway.messages([...gateway.records(10), gateway.checkpoint()])
  const [forged] = gateway.messages(gateway.rolledBack(3).records(1, 'forged'))
  const { take, gateway: known } = consumer(t)
  assert.deepEqual(take(...messages.with(3, forged as TopicMessage)), ['new-gateway', 'checkpoint-mismatch'])
  assert.equal(known(gateway.origin)?.proven?.size, 0)
})

test('records that come once more as other ones are one finding, with where they begin', (t) => {
  const gateway = fleetGateway()
  const messages = gateway.messages([...gateway.records(10), gateway.checkpoint()])
  const { found, take } = consumer(t)
  take(...messages)
  const rewritten = found(gateway.messages(gateway.rolledBack(4).records(6, 'other')))
  assert.deepEqual(
    rewritten.map(({ kind, index }) => ({ kind, index })),
    [{ kind: 'rewritten', index: 4 }],
  )
})

test('a gateway whose log was rolled back is found by its next checkpoint, with both of them as the proof', (t) => {
  const gateway = fleetGateway()
  const { take, found } = consumer(t)
  take(...gateway.messages([...gateway.records(10), gateway.checkpoint()]))
  const restored = gateway.rolledBack(4)
  const other = restored.records(2, 'other')
  const [rewritten, rolledBack] = found(restored.messages([...other, restored.checkpoint()]))
  assert.equal(rewritten?.kind, 'rewritten')
  assert.equal(rolledBack?.kind, 'rolled-back')
  assert.deepEqual(rolledBack?.notes, [restored.checkpoint().note, gateway.checkpoint().note])
})

test('two checkpoints of one size with different roots are found', (t) => {
  const gateway = fleetGateway()
  const { take } = consumer(t)
  take(...gateway.messages([...gateway.records(10), gateway.checkpoint()]))
  const other = gateway.rolledBack(9)
  other.records(1, 'other')
  assert.deepEqual(take(...other.messages([other.checkpoint()])), ['rolled-back'])
})

test('an older checkpoint of the same log is nothing to be found', (t) => {
  const gateway = fleetGateway()
  const [first, older, second] = [gateway.records(5), gateway.checkpoint(), gateway.records(5)]
  const { take } = consumer(t)
  take(...gateway.messages([...first, ...second, gateway.checkpoint()]))
  assert.deepEqual(take(...gateway.messages([older])), [])
})

test('a checkpoint that another key signed proves nothing', (t) => {
  const [gateway, forger] = [fleetGateway('sallyport/one'), fleetGateway('sallyport/one')]
  const { take, gateway: known } = consumer(t)
  take(...gateway.messages([...gateway.records(5), gateway.checkpoint()]))
  assert.deepEqual(take(...forger.messages([...forger.records(6).slice(5), forger.checkpoint()])), ['key-changed', 'bad-signature'])
  assert.equal(known(gateway.origin)?.proven?.size, 5)
})

test('keys of a file prove their gateways, and no others', (t) => {
  const [known, stranger] = [fleetGateway(), fleetGateway()]
  const file = join(createFolder(t), 'keys')
  writeFileSync(file, `# the fleet\n\n${known.verifierKey}\n`)
  const { take } = consumer(t, readKeys(file))
  assert.deepEqual(take(...known.messages([...known.records(2), known.checkpoint()])), [])
  assert.deepEqual(
    take(...stranger.messages([...stranger.records(2), stranger.checkpoint(), ...stranger.records(1), stranger.checkpoint()])),
    ['unknown-gateway'],
  )
})

test('a file of keys with a line that is not a key is refused with its line', (t) => {
  const file = join(createFolder(t), 'keys')
  writeFileSync(file, `${fleetGateway().verifierKey}\nsomething\n`)
  assert.throws(() => readKeys(file), /keys:2: /)
})

test('a consumer that begins in the middle goes on from a checkpoint that brings its compact range', (t) => {
  const gateway = fleetGateway()
  gateway.records(1000)
  const { take, gateway: known } = consumer(t)
  assert.deepEqual(take(...gateway.messages(gateway.records(3))), ['started-late'])
  const [checkpoint] = gateway.messages([gateway.checkpoint()])
  assert.deepEqual(take(withRange(checkpoint as TopicMessage, gateway.range())), ['new-gateway'])
  assert.deepEqual(take(...gateway.messages([...gateway.records(5), gateway.checkpoint()])), [])
  assert.equal(known(gateway.origin)?.proven?.size, 1008)
})

test('a compact range that does not give the signed root is not gone on from', (t) => {
  const gateway = fleetGateway()
  gateway.records(1000)
  const { take, gateway: known } = consumer(t)
  take(...gateway.messages(gateway.records(3)))
  const [checkpoint] = gateway.messages([gateway.checkpoint()])
  const range = gateway.range()
  range[0] = (range[0] as number) ^ 1
  take(withRange(checkpoint as TopicMessage, range))
  assert.equal(known(gateway.origin)?.proven, null)
})

test('a gateway that sends nothing for longer than the bound is silent, said once, and not where it has stopped', (t) => {
  const [gateway, stopped] = [fleetGateway(), fleetGateway()]
  const { take, verifier } = consumer(t)
  take(...gateway.messages(gateway.records(1)))
  const [record] = stopped.messages(stopped.records(1))
  const last = { ...(record as TopicMessage), value: Buffer.from('{"seq":0,"type":"stopped"}') }
  take(last)
  const nowMs = Date.now()
  assert.deepEqual(
    verifier.findSilent(nowMs + 10_000, 60_000).map(({ origin }) => origin),
    [],
  )
  assert.ok(verifier.findSilent(nowMs + 70_000, 60_000).some(({ origin, kind }) => origin === gateway.origin && kind === 'silent'))
  assert.deepEqual(verifier.findSilent(nowMs + 80_000, 60_000), [])
  assert.deepEqual(take(...gateway.messages(gateway.records(1))), [])
  assert.equal(verifier.findSilent(nowMs + 70_000, 60_000).length, 1)
})

test('a gateway that is retired is not silent, also where it was found to be', (t) => {
  const gateway = fleetGateway()
  const { take, verifier, store } = consumer(t)
  take(...gateway.messages(gateway.records(1)))
  assert.equal(verifier.findSilent(Date.now() + 70_000, 60_000).length, 1)
  const later = createFleetVerifier(store, createFirstUseKeys(), [gateway.origin])
  assert.deepEqual(later.findSilent(Date.now() + 70_000, 60_000), [])
  assert.equal(store.gateways.get(gateway.origin)?.isSilent, false)
})

test('a gateway of the file of keys that was never seen is silent', (t) => {
  const gateway = fleetGateway()
  const file = join(createFolder(t), 'keys')
  writeFileSync(file, gateway.verifierKey)
  const { verifier } = consumer(t, readKeys(file))
  assert.deepEqual(
    verifier.findSilent(Date.now() + 70_000, 60_000).map(({ origin }) => origin),
    [gateway.origin],
  )
})

test('records that are masked are checked by their place and hash, and said once', (t) => {
  const gateway = fleetGateway()
  const masked = gateway.records(5).map((record) => ({ ...record, text: '{"seq":0,"type":"masked"}' }))
  const { take, gateway: known } = consumer(t)
  assert.deepEqual(take(...gateway.messages([...masked, gateway.checkpoint()])), ['not-covered', 'new-gateway'])
  assert.equal(known(gateway.origin)?.proven?.size, 5)
})

test('what is no message of a gateway is said with its place in the topic', (t) => {
  const { found } = consumer(t)
  const [record] = fleetGateway().messages(fleetGateway().records(1))
  const [finding] = found([{ ...(record as TopicMessage), headers: new Map() }])
  assert.match(finding?.text ?? '', /^audit\/0@0 is no message of a gateway: /)
})

test('a folder is used by one process at a time', (t) => {
  const folder = createFolder(t)
  const store = openStore(folder, 'audit')
  assert.throws(() => openStore(folder, 'audit'), { name: 'FollowError', message: /does another "audit follow" use it\?$/ })
  store.close()
  openStore(folder, 'audit').close()
})

test('a folder belongs to one topic', (t) => {
  const folder = createFolder(t)
  openStore(folder, 'audit').close()
  assert.throws(() => openStore(folder, 'other'), /holds what was read of the topic "audit"/)
})

test('a line that a crash has torn is cut before what comes again is written', async (t) => {
  const gateway = fleetGateway()
  const { verifier } = consumer(t)
  const [message] = gateway.messages(gateway.records(1)).map((sent) => verifier.take(receivedMessage(sent), 'audit/0@0').message)
  const file = join(createFolder(t), 'all.jsonl')
  writeFileSync(file, '{"whole":true}\n{"origin":"sally')
  const writer = createWriter('lines', file)
  await writer.write(message === null || message === undefined ? [] : [message])
  await writer.close()
  const [whole, written] = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual([whole, written.index], [{ whole: true }, 0])
})
