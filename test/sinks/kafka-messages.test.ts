/** What the sink sends to the topic beside records: hashes of those that it leaves out, and what a consumer goes on from. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createFirstUseKeys } from '../../src/fleet/index.ts'
import { openStore } from '../../src/fleet/store.ts'
import { createFleetVerifier } from '../../src/fleet/verifier.ts'
import { createOutgoing } from '../../src/sinks/kafka/outgoing.ts'
import type { Shipped, ShippedRecord } from '../../src/sinks/sink.ts'
import { type FleetGateway, fleetGateway, receivedMessage } from '../support/fleet.ts'
import { createFolder } from '../support/folder.ts'

function arrange(t: TestContext, gateway: FleetGateway) {
  const folder = createFolder(t)
  const store = openStore(createFolder(t), 'audit')
  const verifier = createFleetVerifier(store, createFirstUseKeys())
  const sender = () => {
    const { origin, verifierKey } = gateway
    const outgoing = createOutgoing({ topic: 'audit', origin, verifierKey, view: 'json', folder, isFiltered: true })
    return async (...batch: readonly Shipped[]) => {
      gateway.writeTiles(folder)
      const prepared = await outgoing.prepare(batch)
      outgoing.sent(prepared)
      return prepared.messages.flatMap((message) => verifier.take(receivedMessage(message), 'audit/0@0').findings)
    }
  }
  return { sender, store, state: () => store.gateways.get(gateway.origin) }
}

/** Without those that `drops` names; the next one says how many are left out. */
function filtered(records: readonly ShippedRecord[], drops: (index: number) => boolean): ShippedRecord[] {
  const kept = records.filter(({ index }) => !drops(index))
  return kept.map((record, place) => ({
    ...record,
    leftOut: record.index - ((kept[place - 1]?.index ?? (records[0]?.index ?? 0) - 1) + 1),
  }))
}

test('records that rules keep from the topic are proven by their hashes', async (t) => {
  const gateway = fleetGateway()
  const { sender, state } = arrange(t, gateway)
  const send = sender()
  const kept = filtered(gateway.records(1000), (index) => index % 3 === 0 || index > 990)
  const findings = await send(...kept, gateway.checkpoint())
  assert.deepEqual(new Set(findings.map(({ kind }) => kind)), new Set(['left-out', 'new-gateway']))
  assert.equal(state()?.proven?.size, 1000)
  const later = await send(...filtered(gateway.records(300), (index) => index % 2 === 0), gateway.checkpoint())
  assert.deepEqual(new Set(later.map(({ kind }) => kind)), new Set(['left-out']))
  assert.equal(state()?.proven?.size, 1300)
})

test('what a process left out before it ended is sent by the next one', async (t) => {
  const gateway = fleetGateway()
  const { sender, state } = arrange(t, gateway)
  await sender()(...filtered(gateway.records(20), (index) => index === 7))
  const findings = await sender()(...gateway.records(5), gateway.checkpoint())
  assert.deepEqual(
    findings.map(({ kind }) => kind),
    ['left-out', 'new-gateway'],
  )
  assert.equal(state()?.proven?.size, 25)
})

test('hashes that were announced and do not come are a gap', async (t) => {
  const gateway = fleetGateway()
  const { sender, state } = arrange(t, gateway)
  await sender()(...filtered(gateway.records(20), (index) => index === 7))
  const verifier = createFleetVerifier(arrange(t, gateway).store, createFirstUseKeys())
  const messages = gateway.messages([...filtered(gateway.rolledBack(0).records(20), (index) => index === 7), gateway.checkpoint()])
  const findings = messages.flatMap((message) => verifier.take(receivedMessage(message), 'audit/0@0').findings)
  assert.deepEqual(
    findings.filter(({ level }) => level === 'error').map(({ kind, index }) => ({ kind, index })),
    [{ kind: 'gap', index: 7 }],
  )
  assert.equal(state()?.proven?.size, 0)
})

test('a consumer that begins at any size goes on from the compact range that comes with the checkpoint', async (t) => {
  const gateway = fleetGateway()
  gateway.records(70_001)
  const { sender, state } = arrange(t, gateway)
  const findings = await sender()(...gateway.records(3), gateway.checkpoint())
  assert.deepEqual(
    findings.filter(({ level }) => level === 'error'),
    [],
  )
  assert.equal(state()?.proven?.size, 70_004)
})
