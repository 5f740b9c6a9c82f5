/** An operator who does one thing after another, at random, to a gateway that may be killed meanwhile; and what must be so of it afterwards. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { askGateway } from '../../src/cli/admin-client.ts'
import { type Installation, manifest } from './installation.ts'
import type { Random } from './random-policy.ts'

export interface Operator {
  /** What there must be records of: the part of a line that says so, and how often at least. */
  owed(): ReadonlyMap<string, number>
  /** Actions so far. */
  readonly asked: number
  /** Whether the last action was not answered: it may have been done, or not. */
  isAsking(): boolean
  /** Goes on until no gateway answers. `onAsked`: an action is on its way. Never rejects. */
  act(onAsked: () => void): Promise<void>
  /** Throws where the gateway that runs now is otherwise than the operator was told, whatever was not answered left aside. */
  requireAsTold(): Promise<void>
}

interface Status {
  readonly pinned: string | null
  readonly suspended: Readonly<Record<string, unknown>>
  readonly rejected: string | null
}

type Result = { readonly ok?: boolean; readonly revision?: string; readonly pinned?: string }

/** Of an installation with a manifest `other.yaml`, whose limits and suspension change. */
export function createOperator(installation: Installation, random: Random, network: string): Operator {
  const socket = join(installation.folder, 'state/admin.sock')
  let asked = 0
  let asking: string | null = null
  let pinned: string | null = null
  let isSuspended = false
  const owed = new Map<string, number>()
  const owe = (part: string) => owed.set(part, (owed.get(part) ?? 0) + 1)
  const post = async (path: string) => (await askGateway(socket, 'POST', `/v1/${path}`)).body as Result
  const get = async (path: string) => (await askGateway(socket, 'GET', `/v1/${path}`)).body

  const actions: Readonly<Record<string, () => Promise<void>>> = {
    async reload() {
      const concurrency = 50 + Math.floor(random() * 50)
      const limits = `limits: { concurrency: ${concurrency}, arrivals: { rate: 100000/s }, requests: { rate: 100000/s } }`
      installation.write('integrations/other.yaml', manifest('other', `${network}\n${limits}`))
      const { ok, revision } = await post('reload')
      assert.equal(ok, true)
      // The same revision again is no news.
      if (pinned === null) owed.set(`"type":"activated","revision":"${revision}"`, 1)
    },
    async rollback() {
      const { ok, revision = null } = await post('policy/rollback')
      if (ok !== true) return
      pinned = revision
      owe('"how":"rollback"')
    },
    async activate() {
      const { activations } = (await get('policy')) as { activations: readonly { revision: string }[] }
      const { revision = '' } = activations[Math.floor(random() * activations.length)] ?? {}
      if ((await post(`policy/activate/${revision}`)).ok !== true) return
      pinned = revision
      owe('"how":"activate"')
    },
    async follow() {
      assert.equal((await post('policy/follow')).ok, true)
      pinned = null
    },
    async suspend() {
      const reason = `reason-${asked}`
      assert.equal((await post(`integrations/other/suspend?reason=${reason}`)).ok, true)
      isSuspended = true
      owe(`"type":"suspended","integration":"other","reason":"${reason}"`)
    },
    async resume() {
      const reason = `reason-${asked}`
      if ((await post(`integrations/other/resume?reason=${reason}`)).ok === true)
        owe(`"type":"resumed","integration":"other","reason":"${reason}"`)
      isSuspended = false
    },
  }
  const names = Object.keys(actions)
  const changesPin = ['rollback', 'activate', 'follow']
  const changesSuspension = ['suspend', 'resume']

  return {
    get asked() {
      return asked
    },
    isAsking: () => asking !== null,
    owed: () => owed,
    async act(onAsked) {
      for (;;) {
        asking = names[Math.floor(random() * names.length)] ?? 'reload'
        asked += 1
        const done = actions[asking]?.()
        onAsked()
        try {
          await done
          asking = null
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error
          return
        }
      }
    },
    async requireAsTold() {
      const status = (await get('status')) as Status
      assert.equal(status.rejected, null)
      if (!changesPin.includes(asking ?? '')) assert.equal(status.pinned, pinned, `after ${asking ?? 'all was answered'}`)
      if (!changesSuspension.includes(asking ?? '')) assert.equal('other' in status.suspended, isSuspended)
      pinned = status.pinned
      isSuspended = 'other' in status.suspended
      asking = null
    },
  }
}
