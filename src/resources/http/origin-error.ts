/** What went wrong between the gateway and an origin, as a refusal the caller can act on. */
import { Refusal } from '../../core/index.ts'

/** A `Refusal` passes as it is; undici's and Node's codes are translated; anything else is `origin-failed`. */
export function explainOriginError(error: Error, host: string): Refusal {
  if (error instanceof Refusal) return error
  if (error.cause instanceof Refusal) return error.cause
  const code = (error as NodeJS.ErrnoException).code ?? ''
  switch (code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return new Refusal('origin-timeout', `${host} did not answer in time`, { cause: error })
    case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
      return new Refusal('malformed-request', 'the body is not as long as Content-Length says', { cause: error })
    case 'ECONNREFUSED':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return new Refusal('origin-unreachable', `${host} cannot be reached: ${code}`, { cause: error })
    case 'ECONNRESET_CALLER':
    case 'ERR_STREAM_PREMATURE_CLOSE':
      return new Refusal('client-closed', 'the caller went away', { cause: error })
    default:
      return new Refusal('origin-failed', `${host} broke off or broke the protocol${code === '' ? '' : `: ${code}`}`, { cause: error })
  }
}
