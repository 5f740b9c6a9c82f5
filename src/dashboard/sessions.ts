/**
 * Who has opened the dashboard in which browser. A session is two secrets: a cookie that no script can read, and a key that the page
 * sends as a header. A cookie alone proves nothing, for browsers send it to every port of a host, and another container of a pod may
 * listen on one; the key is a header that no other page can send, so that nothing is done on behalf of one (CSRF).
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** Of a page. */
export const keyHeader = 'sallyport-key'

export interface SessionsOptions {
  /** Whether the connection of browsers is HTTPS: the cookie is then sent on no other. */
  readonly isSecure: boolean
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

export interface Sessions<Holder> {
  /** `expiresAtMs`: when what was proved ends; `null`: never. */
  begin(holder: Holder, expiresAtMs: number | null): { readonly cookie: string; readonly key: string }
  /** Of the request with these headers; `null` where there is none, or it is over. */
  find(headers: IncomingHttpHeaders): Holder | null
  /** The cookie that removes the one of the browser. */
  end(headers: IncomingHttpHeaders): string
}

interface Session<Holder> {
  readonly holder: Holder
  readonly keyHash: Buffer
  readonly endsAtMs: number
}

/** A working day. */
const longestMs = 12 * 3600 * 1000
/** The oldest gives way. */
const maxSessions = 100

const hashOf = (text: string) => hash('sha256', text, 'buffer')

export function createSessions<Holder>({ isSecure, now = Date.now }: SessionsOptions): Sessions<Holder> {
  const name = isSecure ? '__Host-sallyport' : 'sallyport-dashboard'
  const attributes = `Path=/; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`
  /** By the hash of the cookie, so that its time of comparison says nothing. */
  const open = new Map<string, Session<Holder>>()

  function idOf({ cookie = '' }: IncomingHttpHeaders): string {
    const pairs = cookie.split(/; */).map((pair) => pair.split('='))
    const value = pairs.find(([key]) => key === name)?.[1] ?? ''
    return hashOf(value).toString('hex')
  }

  return {
    begin(holder, expiresAtMs) {
      for (const [id, { endsAtMs }] of open) if (endsAtMs <= now() || open.size >= maxSessions) open.delete(id)
      const [secret, key] = [randomBytes(32).toString('base64url'), randomBytes(32).toString('base64url')]
      const endsAtMs = Math.min(now() + longestMs, expiresAtMs ?? Number.POSITIVE_INFINITY)
      open.set(hashOf(secret).toString('hex'), { holder, keyHash: hashOf(key), endsAtMs })
      return { cookie: `${name}=${secret}; ${attributes}`, key }
    },
    find(headers) {
      const session = open.get(idOf(headers))
      const key = headers[keyHeader]
      if (session === undefined || typeof key !== 'string') return null
      if (session.endsAtMs <= now() || !timingSafeEqual(hashOf(key), session.keyHash)) return null
      return session.holder
    },
    end(headers) {
      open.delete(idOf(headers))
      return `${name}=; Max-Age=0; ${attributes}`
    },
  }
}
