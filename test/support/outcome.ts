/** How a request ended that a test only says, and what it told as it went. */
import type { Outcome, Phases, Progress } from '../../src/core/index.ts'

const noPhases: Phases = { policyMs: null, queueMs: null, connectMs: null, firstByteMs: null, made: null }

export const servedOutcome: Outcome = {
  status: 200,
  problem: null,
  brokenOff: false,
  forOperator: null,
  sentBytes: 1,
  receivedBytes: 2,
  durationMs: 3,
  phases: noPhases,
  connection: null,
  breaker: null,
  sentType: null,
  receivedType: null,
  isTakeover: false,
  retried: [],
  complete: true,
}

export const noProgress: Progress = { dialling() {}, dialled() {}, started() {}, answered() {}, retrying() {} }
