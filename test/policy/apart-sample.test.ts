/** Samples for the reference, taken from what is evaluated on a thread: one at a time, however many questions are under way. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AccessRequest, Claim } from '../../src/core/index.ts'
import { everything } from '../../src/opa/compiler/protocol.ts'
import type { CompiledPolicy } from '../../src/policy/build.ts'
import type { ThreadAnswer, ThreadQuestion } from '../../src/policy/evaluation-thread.ts'
import { createDecideApart } from '../../src/policy/thread-engine.ts'
import { eachCase } from '../support/cases.ts'

/** What it reads does not matter here. */
const policy = { policyReads: everything } as CompiledPolicy
const request = {
  kind: 'http',
  id: 'a',
  at: 1,
  integration: { name: 'weather', labels: {} },
  door: 'proxy',
  action: 'GET',
  identity: 'token',
} as unknown as AccessRequest
const claim = { facts: {}, subject: {}, origin: null } as unknown as Claim

/** A thread that answers when it is told to. */
function createThread() {
  const asked: { readonly question: ThreadQuestion; readonly resolve: (answer: ThreadAnswer) => void }[] = []
  const evaluate = (question: ThreadQuestion) => new Promise<ThreadAnswer>((resolve) => void asked.push({ question, resolve }))
  return { asked, thread: { load() {}, evaluate, close: async () => {} } }
}

test('takes one sample at a time, and the next once the first has been compared', async () => {
  const { asked, thread } = createThread()
  let isDue = true
  const observer = {
    isDue: () => isDue,
    take() {
      isDue = false
    },
  }
  const decide = createDecideApart({ policy, integrations: [], revision: '', readContext: () => ({}), thread, onFailure() {}, observer })
  const underWay = [decide(request, claim), decide(request, claim), decide(request, claim)]
  const observed = () => asked.map(({ question }) => question.isObserved)
  assert.deepEqual(observed(), [true, false, false])
  eachCase(asked, ({ question, resolve }) => {
    resolve({ failed: 'error', message: '', calls: question.isObserved ? [] : null })
  })
  await Promise.all(underWay)
  isDue = true
  decide(request, claim)
  assert.deepEqual(observed(), [true, false, false, true])
})
