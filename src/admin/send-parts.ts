/** An answer that is sent as it is made: with many integrations none is held up, and no more is held than is read. */
import type { ServerResponse } from 'node:http'
import { drained } from '../core/index.ts'

/** As fast as it is read, and no longer than somebody reads. Rejects with what `parts` throws: where a head is out by then, the reader must see that it is not whole. */
export async function sendParts(res: ServerResponse, type: string, parts: AsyncIterable<string>): Promise<void> {
  for await (const part of parts) {
    if (!res.headersSent) res.writeHead(200, { 'content-type': type })
    if (res.destroyed) return
    if (!res.write(part)) await drained(res)
  }
  res.end()
}
