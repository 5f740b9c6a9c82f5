/** When a request may be sent a second time: its kept connection turned out to be closed, and its method is idempotent. */
import { Refusal } from '../../core/index.ts'

/** RFC 9110 §9.2.2. */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

export function isIdempotent(method: string): boolean {
  return idempotent.has(method)
}

/** The connection was closed, and not because of what was sent over it. */
export function isClosed(error: Error): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
}

/** The refusal of the second try; it tells the operator that there was a first one. */
export function askedTwice({ code, message, forOperator, cause }: Refusal): Refusal {
  const note = 'asked twice, as the kept connection had been closed'
  return new Refusal(code, message, { cause, forOperator: forOperator === null ? note : `${forOperator}; ${note}` })
}
