/** Why TLS inside a tunnel failed, as the record says it: apart from all else, a client that does not trust the gateway's CA, with what to do. */
import { Refusal } from '../core/index.ts'

/** What the door itself sees of a caller, as the message of an Error. */
export const tooSlow = 'no TLS handshake in time'
export const leftEarly = 'the caller left before it was shown a certificate'
export const left = 'the caller left before the handshake was done'
export const leftSilently = 'the caller left without a request'

/** Alerts of a client that does not accept a leaf of the gateway's CA (RFC 8446 §6.2). */
const distrust = /ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN)$/

/** `client-tls-failed` where the caller does not trust the CA, or left as those do that send no alert; else `interception-failed`. */
export function refuseHandshake(error: Error): Refusal {
  const code = (error as NodeJS.ErrnoException).code ?? error.message
  if (distrust.test(code)) return distrusts(`the caller does not trust the gateway's CA (${code})`)
  if (error.message === left || code === 'ECONNRESET') return distrusts(`the caller left during the TLS handshake, ${asManyDo}`)
  if (error.message === leftSilently) return distrusts(`the caller left after the TLS handshake, without a request, ${asManyDo}`)
  return new Refusal('interception-failed', `the TLS handshake failed: ${code}`)
}

const asManyDo = "as many do that do not trust the gateway's CA"

function distrusts(what: string): Refusal {
  return new Refusal('client-tls-failed', `${what}; start it with what "sallyport env NAME" prints, or by "sallyport exec NAME -- COMMAND"`)
}
