/** A WebSocket on a stream of HTTP/2, asked for by an extended CONNECT (RFC 8441): DATA frames carry its frames both ways. */
import { type Answer, type Opening, Refusal, type Takeover } from '../core/index.ts'
import type { Settling } from '../pipeline.ts'
import { fieldObject, withoutHeaders } from '../text/index.ts'
import { type Http2Arrival, internalError, noError } from './http2-arrival.ts'
import { settleBroken, settleDeclined } from './upgrades.ts'

/** §5.1: that the handshake was understood is said by the status alone. */
const belongsToHttp1 = ['sec-websocket-accept']

export function openOnStream(settling: Settling, reply: Takeover, arrival: Http2Arrival): void {
  const { stream } = arrival
  if (stream.destroyed || stream.closed) {
    reply.discard()
    settling.settle({ complete: false, status: 499 })
    return
  }
  arrival.handOver()
  reply.takeover(stream, Buffer.alloc(0), settling.meter, openingOn(settling, arrival)).then(
    () => settling.settle({ complete: true }),
    (error: unknown) => {
      settleBroken(settling, error)
      if (!(error instanceof Refusal)) stream.close(internalError)
    },
  )
}

function openingOn(settling: Settling, arrival: Http2Arrival): Opening {
  const { stream, id } = arrival
  const respond = (status: number, headers: readonly string[]) =>
    stream.respond(fieldObject([':status', String(status), ...headers, 'sallyport-request-id', id]))
  const answerInstead = ({ status, headers, body }: Answer) => {
    arrival.takeBack()
    respond(status, headers)
    // RFC 9113 §8.1: the answer is whole, and nothing more of the request is wanted.
    stream.once('finish', () => stream.readableEnded || stream.close(noError))
    stream.end(body instanceof Uint8Array ? body : undefined)
  }
  return {
    accept: (headers) => respond(200, withoutHeaders(headers, belongsToHttp1)),
    refuse: answerInstead,
    decline(answer) {
      answerInstead(answer)
      settleDeclined(settling, answer.status)
    },
  }
}
