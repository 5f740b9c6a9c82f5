/** Leaf certificates for intercepted hosts: short-lived, made when a host is first asked for; and the kept RSA key for clients without elliptic curves. */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, type webcrypto } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSecureContext, type SecureContext } from 'node:tls'
import { promisify } from 'node:util'
import { type Hangup, Refusal } from '../core/index.ts'
import { writeAtomically } from '../files/index.ts'
import { createFairCache, createPace } from '../shares/index.ts'
import type { CertificateAuthority } from './certificate-authority.ts'
import type { Issue } from './issue.ts'

const day = 86_400_000

export interface Leaves {
  /**
   * A server context for the canonical host, for a client of the integration. `rsa`: with a second leaf, for clients that
   * know no ECDSA; its key is made when the first of them comes. Throws where the integration asks for too many new hosts,
   * and `Refusal('client-closed')` as soon as the caller leaves.
   */
  contextFor(integration: string, host: string, rsa: boolean, hangup: Hangup): Promise<SecureContext>
}

/** For all who asked meanwhile. */
interface Made {
  readonly context: Promise<SecureContext>
  /** The CA that it is from. */
  readonly from: Promise<CertificateAuthority>
  readonly at: number
  readonly turn: Turn
  callers: number
}

/** When it may be made. Given up where all who asked have left before it came. */
interface Turn {
  readonly ending: AbortController
  isAwaited: boolean
}

/** Of all integrations. */
const maxContexts = 1000
/** A leaf takes milliseconds of the event loop: an integration that keeps asking for new hosts must not use most of it. */
const pace = { perSecond: 25, burst: 100, maxWaitMs: 5000 }

/** Leaves are valid for seven days and are renewed after one; all leaves of a key type share a key. The ECDSA key never leaves the process. */
export function createLeaves(authority: () => Promise<CertificateAuthority>, now: () => number = Date.now): Leaves {
  let opened: { readonly from: Promise<CertificateAuthority>; readonly issuer: Promise<Issuer> } | null = null
  const contexts = createFairCache<Made>(maxContexts)
  const waitMs = createPace({ ...pace, now: () => performance.now() })
  let rsaKey: Promise<RsaKey> | null = null

  /** Opened when the first leaf is asked for, and again where the CA was rotated, or could not be opened. */
  function issuerOf(from: Promise<CertificateAuthority>): Promise<Issuer> {
    if (opened?.from === from) return opened.issuer
    const issuer = from.then(openIssuer)
    opened = { from, issuer }
    issuer.catch(() => {
      if (opened?.issuer === issuer) opened = null
    })
    return issuer
  }

  async function make(
    from: Promise<CertificateAuthority>,
    integration: string,
    host: string,
    rsa: boolean,
    turn: Turn,
  ): Promise<SecureContext> {
    const wait = waitMs(integration)
    if (wait === null) throw new Error(`${integration} asks for more new hosts than leaves can be made`)
    if (wait > 0) await sleep(wait, undefined, { signal: turn.ending.signal })
    turn.isAwaited = false
    const { leafKeyFile, overlap } = await from
    const { issue, publicKey, keyPem } = await issuerOf(from)
    // In an overlap the chain leads on to the CA that clients from before it trust.
    const chained = (leaf: string) => (overlap === null ? leaf : `${leaf}\n${overlap.cross}`)
    const leaf = chained(await issue(publicKey, host, now()))
    if (!rsa) return createSecureContext({ key: keyPem, cert: leaf, minVersion })
    rsaKey ??= openRsaKey(leafKeyFile)
    const key = await rsaKey.catch((error) => {
      rsaKey = null
      throw error
    })
    const second = chained(await issue(key.publicKey, host, now()))
    // OpenSSL takes the one whose kind the client can check (SSL_CTX_use_certificate(3)).
    return createSecureContext({ key: [keyPem, key.pem], cert: [leaf, second], minVersion })
  }

  function begin(integration: string, key: string, host: string, rsa: boolean): Made {
    const known = contexts.get(integration, key)
    const from = authority()
    if (known !== undefined && known.from === from && now() - known.at < day) return known
    const turn: Turn = { ending: new AbortController(), isAwaited: true }
    const made: Made = { context: make(from, integration, host, rsa, turn), from, at: now(), turn, callers: 0 }
    contexts.set(integration, key, made)
    made.context.catch(() => forget(integration, key, made))
    return made
  }

  function forget(integration: string, key: string, made: Made): void {
    if (contexts.get(integration, key) === made) contexts.delete(integration, key)
  }

  return {
    async contextFor(integration, host, rsa, hangup) {
      const key = rsa ? `rsa ${host}` : host
      const made = begin(integration, key, host, rsa)
      made.callers += 1
      const left = Promise.withResolvers<never>()
      const unsubscribe = hangup.onGone(() => left.reject(new Refusal('client-closed', 'the caller went away')))
      try {
        return await Promise.race([made.context, left.promise])
      } finally {
        unsubscribe()
        made.callers -= 1
        if (made.callers === 0 && made.turn.isAwaited) {
          // Before the next caller asks: the leaf is not being made any more.
          forget(integration, key, made)
          made.turn.ending.abort()
        }
      }
    },
  }
}

const minVersion = 'TLSv1.2'

/** A leaf and its key as PEM, valid for `host` for seven days; for servers of tests and the quick start. */
export async function createLeafPem(authority: CertificateAuthority, host: string): Promise<{ key: string; certificate: string }> {
  const { issue, publicKey, keyPem } = await openIssuer(authority)
  return { key: keyPem, certificate: await issue(publicKey, host, Date.now()) }
}

/** With the key that its ECDSA leaves share. */
interface Issuer {
  readonly issue: Issue
  readonly publicKey: webcrypto.CryptoKey
  /** PKCS #8. */
  readonly keyPem: string
}

async function openIssuer(authority: CertificateAuthority): Promise<Issuer> {
  // Some 8 MiB and 50 ms that a gateway which intercepts nothing does not pay.
  const { algorithm, createIssue, privatePem } = await import('./issue.ts')
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  return { issue: await createIssue(authority), publicKey: keys.publicKey, keyPem: await privatePem(keys.privateKey) }
}

export interface RsaKey {
  /** PKCS #8. */
  readonly pem: string
  readonly publicKey: webcrypto.CryptoKey
}

/** NIST SP 800-57: good beyond the CA's five years for what lives a week, and four times as quick to sign as 4096 bits. */
const modulusLength = 2048
const publicAlgorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const

/** Takes hundreds of milliseconds where there is no key yet, in a thread of libuv. A key that cannot be written lives as long as the process. */
export async function openRsaKey(file: string): Promise<RsaKey> {
  const kept = await readKey(file)
  const key = kept ?? (await promisify(generateKeyPair)('rsa', { modulusLength })).privateKey
  const pem = key.export({ format: 'pem', type: 'pkcs8' }) as string
  if (kept === null) await writeAtomically(file, pem, 0o600).catch(() => {})
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return { pem, publicKey: await crypto.subtle.importKey('spki', new Uint8Array(spki), publicAlgorithm, true, ['verify']) }
}

/** `null` where there is no key, or other users could read it, or it is not an RSA key: a new key costs nothing but new leaves. */
async function readKey(file: string): Promise<KeyObject | null> {
  try {
    if (((await stat(file)).mode & 0o077) !== 0) return null
    const key = createPrivateKey(await readFile(file, 'utf8'))
    return key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= modulusLength ? key : null
  } catch {
    return null
  }
}
