/** How a request ended that a test only says, and what it told as it went. */
import type { HeaderList, Outcome, Phases, Progress } from '../../src/core/index.ts'

const noPhases: Phases = {
  ...{ identifyMs: null, limitsMs: null, policyMs: null, admitMs: null, queueMs: null, connectMs: null, made: null },
  ...{ firstByteMs: null, recordMs: null, bodyMs: null },
}

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

export const noProgress: Progress = {
  dialling() {},
  dialled() {},
  started() {},
  answered() {},
  retrying() {},
  outgoing: (headers: HeaderList) => headers,
}
