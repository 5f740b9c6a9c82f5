/** Reads the body of a reply whole, within bounds of size and time. */
import type { Dispatcher } from 'undici'
import { ServerError } from './server-error.ts'

/** Throws `ServerError` where it is longer; what else the connection throws passes through. */
export async function readBounded(reply: Dispatcher.ResponseData, url: string, maxBytes: number): Promise<Buffer> {
  const tooLong = () => new ServerError(url, `the reply is longer than ${maxBytes} bytes`, { status: reply.statusCode })
  const { body } = reply
  if (Number(reply.headers['content-length'] ?? 0) > maxBytes) {
    // The rest would only be thrown away: the connection goes with it.
    body.on('error', () => {}).destroy()
    throw tooLong()
  }
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw tooLong()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, bytes)
}

export interface Deadline {
  readonly signal: AbortSignal
  /** Counts from now, in place of what was set before. */
  set(ms: number): void
  clear(): void
}

export function createDeadline(ms: number): Deadline {
  const controller = new AbortController()
  const arm = (afterMs: number) => setTimeout(() => controller.abort(), afterMs)
  let timer = arm(ms)
  return {
    signal: controller.signal,
    set(afterMs) {
      clearTimeout(timer)
      timer = arm(afterMs)
    },
    clear: () => clearTimeout(timer),
  }
}
