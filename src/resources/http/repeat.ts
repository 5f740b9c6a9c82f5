/** When a request may go to its destination once more: it met a kept connection that had been closed, and may be asked twice. */
import { Refusal } from '../../core/index.ts'

/** RFC 9110 §9.2.2: these may be asked twice. */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

export function isIdempotent(method: string): boolean {
  return idempotent.has(method)
}

/** The connection was closed, not by a fault of what came over it. */
export function isClosed(error: Error): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
}

/** The refusal of the second try, which says to the operator that there was a first. */
export function askedTwice({ code, message, forOperator, cause }: Refusal): Refusal {
  const told = 'asked twice, as the kept connection had been closed'
  return new Refusal(code, message, { cause, forOperator: forOperator === null ? told : `${forOperator}; ${told}` })
}
