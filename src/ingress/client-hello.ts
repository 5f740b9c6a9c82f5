/** What a TLS client's first message says about the certificates that it can check (RFC 8446 §4.1.2). */

/** Cipher suites of TLS 1.2 that an ECDSA certificate serves, of those that OpenSSL has. */
const ecdsaSuites: ReadonlySet<number> = new Set([0xc009, 0xc00a, 0xc023, 0xc024, 0xc02b, 0xc02c, 0xc0ac, 0xc0ad, 0xc0ae, 0xc0af, 0xcca9])
/** Cipher suites of TLS 1.3, which say nothing about certificates. */
const isTls13 = (suite: number) => suite >= 0x1301 && suite <= 0x1305

const signatureAlgorithms = 13
const ecdsaP256 = 0x0403

/**
 * Whether the client certainly can check an ECDSA certificate, by its first record. What is cut off there (a message may be cut
 * into records), or is not a ClientHello, does not say so.
 */
export function takesEcdsa(hello: Buffer): boolean {
  try {
    // Record (5), message type and length (4), version (2), random (32), session id.
    let at = 5 + 4 + 2 + 32
    at += 1 + hello.readUInt8(at)
    const end = at + 2 + hello.readUInt16BE(at)
    let offered = false
    for (at += 2; at < end; at += 2) {
      const suite = hello.readUInt16BE(at)
      offered ||= ecdsaSuites.has(suite) || isTls13(suite)
    }
    return offered && namesEcdsa(hello, end)
  } catch {
    return false
  }
}

/** By the extension that lists the signatures that the client can check: if it is absent, the client can. What is cut off does not say. */
function namesEcdsa(hello: Buffer, from: number): boolean {
  try {
    let at = from
    at += 1 + hello.readUInt8(at)
    if (at === hello.byteLength) return true
    const end = at + 2 + hello.readUInt16BE(at)
    for (at += 2; at < end; ) {
      const kind = hello.readUInt16BE(at)
      const length = hello.readUInt16BE(at + 2)
      if (kind === signatureAlgorithms) {
        for (let offset = at + 6; offset < at + 4 + length; offset += 2) if (hello.readUInt16BE(offset) === ecdsaP256) return true
        return false
      }
      at += 4 + length
    }
    return true
  } catch {
    return false
  }
}
