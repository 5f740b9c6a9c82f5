/** `timeouts` of a capability or a service: what may be written there, and which values contradict each other. */
import { z } from 'zod'
import type { Timeouts } from '../core/index.ts'
import { duration } from './quantities.ts'

export const timeoutsSchema = () =>
  z
    .strictObject({
      connect: duration()
        .describe(
          'Time for the lookup of the name and the TCP connection; never longer than `http.connectTimeout`, which covers TLS as well.',
        )
        .optional(),
      tls: duration().describe('Time for the TLS handshake with the destination.').optional(),
      firstByte: duration()
        .describe(
          'Time from when the request has its connection to the head of the reply, without the time that the caller takes for its body.',
        )
        .optional(),
      idle: duration()
        .describe(
          'A reply without a byte for this time is cut; a blind tunnel or a WebSocket, without a byte either way. Default `http.idleTimeout`.',
        )
        .optional(),
      total: duration()
        .describe('Time for everything: each attempt and the whole reply; for a blind tunnel or a WebSocket, as long as it may be open.')
        .optional(),
    })
    .refine((given) => Object.keys(given).length > 0, 'expected at least one timeout; leave "timeouts" out for the defaults')

export type TimeoutsFile = z.output<ReturnType<typeof timeoutsSchema>>

interface Timed {
  readonly timeout?: number | undefined
  readonly timeouts?: TimeoutsFile | undefined
}

/** A part that may take longer than the whole would never be heard of: one of the two values is a mistake. */
export function requireShorterParts({ timeout, timeouts = {} }: Timed, context: z.RefinementCtx): void {
  const { total, ...parts } = timeouts
  const { idle: _afterHead, ...beforeHead } = parts
  const beyond = (path: readonly string[], value: number | undefined, whole: number | undefined, wholeName: string) => {
    if (typeof value !== 'number' || typeof whole !== 'number' || value <= whole) return
    context.addIssue({ code: 'custom', path: [...path], message: `it is longer than ${wholeName}, and would never be reached` })
  }
  beyond(['timeout'], timeout, total, '"timeouts.total"')
  for (const [name, value] of Object.entries(parts)) beyond(['timeouts', name], value, total, '"timeouts.total"')
  for (const [name, value] of Object.entries(beforeHead)) beyond(['timeouts', name], value, timeout, '"timeout"')
}

export function timeoutsFrom({ connect, tls, firstByte, idle, total }: TimeoutsFile): Timeouts {
  return {
    ...(connect !== undefined && { connectMs: connect }),
    ...(tls !== undefined && { tlsMs: tls }),
    ...(firstByte !== undefined && { firstByteMs: firstByte }),
    ...(idle !== undefined && { idleMs: idle }),
    ...(total !== undefined && { totalMs: total }),
  }
}
