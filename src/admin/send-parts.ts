/** Sends an answer while it is made: however many integrations there are, no request waits for it and little of it is in memory. */
import type { ServerResponse } from 'node:http'
import { drained } from '../core/index.ts'

/** As fast as it is read, and only while the caller reads. Rejects with what `parts` throws: where the head was sent before, the caller must see that the answer is not whole. */
export async function sendParts(res: ServerResponse, type: string, parts: AsyncIterable<string>): Promise<void> {
  for await (const part of parts) {
    if (!res.headersSent) res.writeHead(200, { 'content-type': type })
    if (res.destroyed) return
    if (!res.write(part)) await drained(res)
  }
  res.end()
}
