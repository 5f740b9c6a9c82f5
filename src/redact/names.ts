/** Names that tell a secret: headers, query keys and JSON keys whose values are never shown. */

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

const tellingKeys: ReadonlySet<string> = new Set([
  'token',
  'accesstoken',
  'refreshtoken',
  'idtoken',
  'authtoken',
  'apikey',
  'key',
  'apisecret',
  'secret',
  'clientsecret',
  'password',
  'passwd',
  'pwd',
  'passphrase',
  'pass',
  'auth',
  'authorization',
  'credential',
  'credentials',
  'signature',
  'sig',
  'code',
  'assertion',
  'clientassertion',
  'privatekey',
  'sessionid',
  'session',
  'sid',
  'jwt',
  'otp',
  'xamzsignature',
  'xamzsecuritytoken',
  'xamzcredential',
  'xgoogsignature',
  'xgoogcredential',
  'awsaccesskeyid',
  'bearer',
  'cookie',
])

/** Case, `-`, `_` and `.` do not make another name of it. */
export function isTelling(key: string, extra: ReadonlySet<string>): boolean {
  const bare = key.toLowerCase().replace(/[-_.[\]]/g, '')
  return tellingKeys.has(bare) || extra.has(key.toLowerCase())
}
