/** What is open is evaluated again, and proved again: what proves nothing any more is cut. */
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { createOpenConnections } from '../../src/connections/index.ts'
import { type AccessRequest, Claim, type Decision, type Identified, type Meter, type Opening, type Policy } from '../../src/core/index.ts'

const allowed: Decision = {
  ...{ allow: true, rule: 'default/network/0', capability: 'network/0', reasons: [], obligations: {} },
  revision: 'r',
}
const integration = { name: 'weather' } as Identified['integration']
const request = { kind: 'tunnel', id: 'id', integration, identity: 'token' } as unknown as AccessRequest
const known: Identified = { integration, identity: 'token' }

/** A tunnel that stays open, and what ended it. */
function arrange(identify: () => Identified | null) {
  const cut: Decision[] = []
  const live = createOpenConnections({
    onCut: (_request, decision) => void cut.push(decision),
    policy: { needs: {}, decideAsync: null, activations: () => 0, decide: () => allowed } as unknown as Policy,
    claim: (asked) => Claim.of(asked, () => assert.fail('nothing is performed again'), { facts: {}, subject: {}, origin: null }),
    revision: () => 'r',
    isCurrent: () => true,
  })
  const socket = new PassThrough()
  const reply = { status: 200, headers: [], takeover: () => new Promise<void>(() => {}), discard() {} }
  void live.watch(request, allowed, reply, identify).takeover(socket, Buffer.alloc(0), {} as Meter, {} as Opening)
  return { live, socket, cut }
}

test('an open connection whose caller is still the same stays', () => {
  const { live, socket, cut } = arrange(() => known)
  live.reevaluate()
  assert.deepEqual([socket.destroyed, cut], [false, []])
})

for (const [what, later] of [
  ['nobody', () => null],
  ['another integration', () => ({ ...known, integration: { ...integration, name: 'mail' } })],
  ['a suspended one', () => ({ ...known, contained: { state: 'suspended' as const, since: '', until: null, by: 'socket' } })],
  ['nothing, since the proof cannot be read', () => assert.fail('a bug')],
] as const)
  test(`an open connection whose caller now proves ${what} is cut`, () => {
    const proofs: (() => Identified | null)[] = [() => known, later]
    const { live, socket, cut } = arrange(() => (proofs.length > 1 ? proofs.shift() : proofs[0])?.() ?? null)
    assert.equal(socket.destroyed, false)
    live.reevaluate()
    assert.deepEqual([socket.destroyed, cut.map(({ rule }) => rule)], [true, ['identity/revoked']])
  })
