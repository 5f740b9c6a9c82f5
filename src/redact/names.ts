/** Sensitive names: headers, query keys and JSON keys whose values are never shown. */

/** Lower case. */
export const secretHeaders: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'authentication-info',
  'proxy-authentication-info',
  'x-api-key',
  'api-key',
  'apikey',
  'x-auth-token',
  'x-access-token',
  'x-csrf-token',
  'x-amz-security-token',
  'x-goog-api-key',
  'x-vault-token',
  'private-token',
  'x-gitlab-token',
  'x-hub-signature',
  'x-hub-signature-256',
])

/** The whole name, without what separates its words. */
const wholeNames: ReadonlySet<string> = new Set([
  'key',
  'auth',
  'code',
  'pin',
  'sid',
  'pw',
  'sas',
  'ticket',
  'xamzcredential',
  'xgoogcredential',
  'awsaccesskeyid',
  'accesskeyid',
  'googleaccessid',
])

/** A word anywhere in the name. */
const words: ReadonlySet<string> = new Set([
  'pwd',
  'otp',
  'totp',
  'jwt',
  'sig',
  'bearer',
  'cookie',
  'authorization',
  'hmac',
  'saml',
  'csrf',
  'xsrf',
  'jws',
  'jwe',
  'verifier',
])

/** What a word of the name ends in: `dbpassword`, `refreshtoken`, `password2`, `userpwd`. */
const endings = /(?:password|passwd|passphrase|passcode|pwd|pswd|token|secret|credential|signature|assertion|sessionid|sessid)s?\d*$/

/** Two words run together that are one secret, as a word ends in them: `authkey`, `dbpass`, `accesscode`. Not `monkey`, `compass`, `barcode`. */
const compounds =
  /(?:(?:api|access|secret|private|auth|pass|app|shared|session|account|master|signing|encryption|crypto|license|subscription|client|ssh|hmac)key|(?:user|db|my|login|admin|ftp|smtp|mail|root)pass|(?:auth|access|security|verification|activation|login|recovery|invite)code)s?\d*$/

function endsAsSecret(word: string): boolean {
  return endings.test(word) || compounds.test(word)
}

/** The last word of the name. */
const lastWords: ReadonlySet<string> = new Set(['pass', 'session', 'auth', 'sid'])

/** `…_key` is a secret, except for these, which name a place in a table or a list, or what is public. */
const plainKeys: ReadonlySet<string> = new Set(
  'public primary foreign sort partition cache object row index group order locale message translation idempotency routing unique natural'.split(
    ' ',
  ),
)

/** `…_code` is not a secret, except for these. */
const secretCodes: ReadonlySet<string> = new Set(
  'auth authorization authentication verification access security activation login recovery backup invite device otp mfa totp sms pin'.split(
    ' ',
  ),
)

/** By whole words: case, `-`, `_`, `.` and brackets only separate them, so `db_password`, `user[password]` and `accessKey` are secrets. */
export function isSensitiveName(name: string, extra: ReadonlySet<string>): boolean {
  const lower = name.toLowerCase()
  if (extra.has(lower)) return true
  // Longer texts are not names, but their end is still checked.
  const parts = wordsOf(name.length > 512 ? name.slice(-512) : name)
  const last = parts.at(-1)
  if (last === undefined) return false
  if (wholeNames.has(parts.join(''))) return true
  if (parts.some((word) => words.has(word) || endsAsSecret(word) || word.startsWith('passw'))) return true
  if (endsAsSecret(parts.join(''))) return true
  if (lastWords.has(last)) return true
  const before = parts.at(-2)
  if (before === undefined) return false
  // The identifier of a key is not a secret, except for those among the whole names.
  return last === 'key' || last === 'keys' ? !plainKeys.has(before) : last === 'code' && secretCodes.has(before)
}

const oneWord = /^[a-z\d]+$/

/** `clientSecret`, `APIKey` and `api-key` have two words each. */
function wordsOf(name: string): readonly string[] {
  // Most names are one word; a query may have thousands of them.
  if (oneWord.test(name)) return [name]
  return name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .filter((word) => word !== '')
}
