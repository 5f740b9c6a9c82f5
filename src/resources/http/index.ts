/** Requests to origins on the network, with their connections, bodies and replies. */
export { forgetPending, freeSocketsOf } from './agent-queue.ts'
export { bodyOf } from './body-facts.ts'
export { answerAsLastHop, createHttpResource } from './http-resource.ts'
export { createPools } from './pools.ts'
export { pushStream, replyTooLarge } from './push-stream.ts'
export { askedTwice, isClosed, isIdempotent } from './repeat.ts'
export { endToEnd } from './reply-headers.ts'
export { createHeadTimers, createTurnTimer, type HeadTimers } from './turn-timer.ts'
