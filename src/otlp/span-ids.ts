/** Ids of spans (W3C Trace Context: 8 bytes, in hexadecimal): random for the request, and the place of each span behind it. */
import { createRandomIds } from '../telemetry/index.ts'

const requestBytes = 7
export const requestDigits = 2 * requestBytes

/** Answers the digits that the ids of all spans of one request begin with. */
export function createSpanIds(): () => string {
  return createRandomIds(requestBytes)
}

/** `place`: from 1, so that no id is all zeros. */
export function spanId(request: string, place: number): string {
  return `${request}${place < 16 ? '0' : ''}${place.toString(16)}`
}
