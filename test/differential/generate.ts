/** Requests that readers may read differently, in both versions of HTTP: by a seed, so that each can be made again. */
import { overHttp1 } from './generate-http1.ts'
import { overHttp2 } from './generate-http2.ts'
import { createPick } from './pick.ts'
import type { Fields } from './spellings.ts'

export type Door = 'proxy' | 'proxy over HTTP/2' | 'inside' | 'inside over HTTP/2'

export interface Place {
  readonly host: string
  readonly port: number
  readonly scheme: 'http' | 'https'
}

export interface Generated {
  /** The value of its `X-Case`. */
  readonly id: string
  /** `streamId`: of HTTP/2. */
  bytes(streamId: number): Buffer
  /** Its content, where its framing leaves no doubt; else `null`. */
  readonly content: string | null
}

/** `own`: fields that the door needs. */
export type Generate = (door: Door, place: Place, own: Fields) => Generated

export function createGenerate(seed: number): Generate {
  const pick = createPick(seed)
  let count = 0
  return (door, place, own) => {
    count += 1
    const id = `${seed.toString(36)}-${count}`
    return door.endsWith('over HTTP/2') ? overHttp2(pick, id, place, own) : overHttp1(pick, id, door, place, own)
  }
}
