/** The redactor: keeps secrets out of records, logs and errors, and the gateway's own out of replies. */
import { isTakeover, type Json, type RedactionSettings, type Redactor } from '../core/index.ts'
import { maskAssignments } from './assignments.ts'
import { maskDocument } from './document.ts'
import { encodings, encodingsOnWire, longestFirst, maskEncodings, masked } from './known-secrets.ts'
import { isSensitiveName, secretHeaders } from './names.ts'
import { maskBody } from './stream.ts'

export interface Masks {
  /** A text of any kind: known secrets, URL userinfo, credentials after Bearer or Basic, `key=value` with sensitive keys. */
  text(text: string): string
  /** A raw query string. */
  query(query: string): string
  /** A copy of a document, such as a policy's input, by the names in it and the texts in it. */
  document(value: Json): Json
}

/** Its own masking may concern any integration: the sensitive names of every manifest apply. */
export interface RedactorStation extends Redactor, Masks {
  /** For what one integration sent or was sent: the built-in names and those of its own manifest. */
  of(own: RedactionSettings): Masks
  /** The names of every active manifest; replaces the previous ones. */
  setNames(ofAll: readonly RedactionSettings[]): void
}

/** Lower case; their values are masked as well as those of the built-in names. */
interface Names {
  readonly headers: ReadonlySet<string>
  readonly keys: ReadonlySet<string>
}

// Bounded repetition at the front keeps each of these linear on hostile text.
/** Up to the last `@`, as browsers read it; slashes may be escaped, as PHP's JSON has them. */
const userinfo = /([a-z][a-z0-9+.-]{1,15}:(?:\\?\/){2})[^\s/?#"'<>\\]+@/gi
/** The same in a URL that is a parameter of another, encoded once or more; without its scheme, too. */
const encodedUserinfo =
  /([a-z][a-z0-9+.-]{1,15}%(?:25){0,3}3A(?:%(?:25){0,3}2F){2}|(?:[=\s"'(,]|%(?:25){0,3}3D)(?:\/|%(?:25){0,3}2F){2})(?:(?!%(?:25){0,3}(?:2F|3F|23|40))[^\s/?#@"'<>&])+(%(?:25){0,3}40|@)/gi
const bearer = /\b(bearer|basic)([ \t]+|\+|%(?:25){0,3}20)[\w+/=.~%-]{6,}/gi
/** A JSON Web Token, whatever its name: `eyJ` is `{"` in base64 (RFC 7515 §3.1, RFC 7516 §3.1). */
const webToken = /(?<![\w-])eyJ[\w-]{6,}\.[\w-]*(?:\.[\w-]*){1,3}/g
const mayHideUserinfo = /\/\/|%(?:25){0,3}(?:3A|2F)/i
const mayHideToken = /bearer|basic|eyJ/i
const mayHide = /[=@]|bearer|basic|eyJ|["']\s{0,8}:|%(?:25){0,3}(?:3D|40|2[27])/i

export function createRedactor(secrets: readonly string[]): RedactorStation {
  const known = longestFirst(new Set(secrets.flatMap(partsOf).flatMap(encodings)))
  const onWire = encodingsOnWire(known)
  let any = createMasks(known, namesOf([]))
  const own = new WeakMap<RedactionSettings, Masks>()

  return {
    text: (text) => any.text(text),
    query: (query) => any.query(query),
    document: (value) => any.document(value),
    setNames(ofAll) {
      any = createMasks(known, namesOf(ofAll))
    },
    of(redaction) {
      const masks = own.get(redaction) ?? createMasks(known, namesOf([redaction]))
      own.set(redaction, masks)
      return masks
    },
    reply(permit, reply) {
      // Only a named service is sent credentials of the gateway's own, which it may echo.
      if (known.length === 0 || permit.request.kind !== 'service' || isTakeover(reply)) return reply
      const headers: string[] = []
      let declared = false
      for (let i = 0; i < reply.headers.length; i += 2) {
        const name = reply.headers[i] as string
        declared ||= name.toLowerCase() === 'content-length'
        headers.push(name, maskEncodings(reply.headers[i + 1] as string, onWire))
      }
      // A caller that was promised a length gets as many bytes.
      return { status: reply.status, headers, body: maskBody(reply.body, onWire, declared) }
    },
  }
}

function namesOf(settings: readonly RedactionSettings[]): Names {
  return {
    headers: new Set(settings.flatMap(({ headers }) => headers)),
    keys: new Set(settings.flatMap(({ queryKeys, jsonKeys }) => [...queryKeys, ...jsonKeys])),
  }
}

function createMasks(known: readonly string[], { headers, keys }: Names): Masks {
  const isSecretKey = (name: string) => isSensitiveName(name, keys)

  const maskUserinfo = (text: string): string => text.replace(userinfo, `$1${masked}@`).replace(encodedUserinfo, `$1${masked}$2`)

  const maskTokens = (text: string): string => text.replace(bearer, `$1$2${masked}`).replace(webToken, masked)

  const query = (raw: string): string => {
    if (raw === '') return raw
    const plain = maskEncodings(maskAssignments(raw, isSecretKey, true), known)
    const shown = mayHideUserinfo.test(plain) ? maskUserinfo(plain) : plain
    return mayHideToken.test(shown) ? maskTokens(shown) : shown
  }

  const text = (raw: string): string => {
    const plain = known.length === 0 ? raw : maskEncodings(raw, known)
    if (!mayHide.test(plain)) return plain
    return maskAssignments(maskTokens(maskUserinfo(plain)), isSecretKey, false)
  }

  const isSecretName = (name: string): boolean => {
    const lower = name.toLowerCase()
    return secretHeaders.has(lower) || headers.has(lower) || isSensitiveName(name, keys)
  }

  return { text, query, document: (value) => maskDocument(value, { text, isSecretName }) }
}

/** `Bearer abc` is a secret, and so is `abc` alone; of `Basic …` what it encodes, and the password in it; of cookies and parameters what has a sensitive name. */
function partsOf(secret: string): readonly string[] {
  const [, scheme = '', credentials = secret] = schemeAndCredentials.exec(secret) ?? []
  const parts = [secret, ...parametersOf(credentials)]
  if (scheme === '' || /\s/.test(credentials)) return parts
  parts.push(credentials)
  if (scheme.toLowerCase() !== 'basic') return parts
  const pair = Buffer.from(credentials, 'base64').toString()
  return pair.includes('\ufffd') ? parts : [...parts, pair, pair.slice(pair.indexOf(':') + 1)]
}

/** RFC 9110 §11.4: a scheme is a token, such as `Api-Key`. */
const schemeAndCredentials = /^([\w!#$%&'*+.^`|~-]+) +(\S.*)$/
/** RFC 9110 §11.2, RFC 6265 §4.2.1: what services take apart before they repeat it. */
const parameter = /(?:^|[;,]) *([\w!#$%&'*+.^`|~-]+) *= *(?:"([^"]*)"|([^\s;,"]+)) *(?=[;,]|$)/g

function parametersOf(credentials: string): readonly string[] {
  return [...credentials.matchAll(parameter)].flatMap(([, name = '', quoted, plain = '']) =>
    isSensitiveName(name, new Set()) ? [quoted ?? plain] : [],
  )
}
