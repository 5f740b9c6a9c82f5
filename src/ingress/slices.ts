/** Cuts a chunk that a bucket slows into the slices that may pass. */
import { Refusal, type Slowed } from '../core/index.ts'

/** Throws `Refusal('client-closed')` if the exchange is over before all of it has passed. */
export async function* slicesOf(chunk: Uint8Array, slowed: Slowed): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < chunk.byteLength; ) {
    const bytes = await slowed.next()
    if (bytes === 0) throw new Refusal('client-closed', 'the exchange ended while its bytes were slowed')
    yield chunk.subarray(from, from + bytes)
    from += bytes
  }
}
