import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createActivation } from '../../src/rollout/activation.ts'
import { eachCase } from '../support/cases.ts'

const turnOfLoop = () => new Promise((resolve) => setImmediate(resolve))

function createParts() {
  let active: string | null = null
  let pinned: string | null = null
  const rejections: string[] = []
  const recorded: string[] = []
  const held: (() => void)[] = []
  const state = { next: 'folders', hold: false, fails: false }
  const activation = createActivation({
    registry: {
      read: async () => ({ integrations: [], manifests: [] }),
      decode: () => [],
      all: () => [],
      replace: () => {},
      defaults: null,
    },
    prepare: async (set: { revision?: string }) => {
      if (state.hold) await new Promise<void>((resolve) => held.push(resolve))
      const revision = set.revision ?? state.next
      return {
        revision,
        activate: () => {
          if (state.fails) throw new Error('no memory for the module')
          active = revision
        },
      }
    },
    revision: () => active,
    history: {
      read: async (revision: string) => ({ revision, manifests: [], defaults: null }),
      keep: async () => {},
      list: async () => [],
      pinned: async () => pinned,
      pinFile: 'pin',
      record: async ({ revision }: { revision: string }) => void recorded.push(revision),
      pin: async (revision: string | null) => {
        pinned = revision
      },
    },
    readRules: async () => ({}),
    bundles: { names: [], areFetched: false, load: async () => new Map() },
    requireKnown: () => {},
    onActivated: () => {},
    postActivate: async () => {},
    onRejected: (problem: string) => void rejections.push(problem),
    onUnlisted: () => {},
  } as never)
  return { activation, state, held, rejections, recorded, active: () => active, pinned: () => pinned }
}

test('a revision chosen after `follow` was asked for stays chosen', async () => {
  const { activation, state, held, active, pinned } = createParts()
  await activation.activate('old')
  state.hold = true
  const followed = activation.follow()
  await turnOfLoop()
  state.hold = false
  const chosen = activation.activate('older')
  await turnOfLoop()
  eachCase(held, (release) => release())
  await Promise.all([followed, chosen])
  assert.deepEqual([active(), pinned()], ['older', 'older'])
})

test('a revision that cannot be put into force is not pinned, and the one before it stays pinned', async () => {
  const { activation, state, active, pinned } = createParts()
  await activation.activate('old')
  state.fails = true
  const result = await activation.activate('new')
  assert.deepEqual([result.ok, result.problem, active(), pinned()], [false, 'no memory for the module', 'old', 'old'])
  assert.equal((await activation.follow()).ok, false)
  assert.deepEqual([pinned(), activation.pinned()], ['old', 'old'])
})
