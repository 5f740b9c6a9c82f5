/** Checkpoints as gateways sign them (C2SP signed-note and tlog-checkpoint), and the keys that prove them. */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'

export interface VerifierKey {
  /** Origin of the log. */
  readonly name: string
  /** As it is written: `<name>+<hex keyID>+<base64(0x01 || public key)>`. */
  readonly text: string
  readonly id: Buffer
  readonly key: KeyObject
}

export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Buffer
  /** What is signed, with its last line end. */
  readonly body: string
  readonly signatures: readonly { readonly name: string; readonly id: Buffer; readonly signature: Buffer }[]
}

/** A string says what is wrong with it. */
export function parseVerifierKey(text: string): VerifierKey | string {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text)
  if (match === null) return 'it is not a verifier key: <name>+<key ID>+<key>'
  const [, name, hex, base64] = match as unknown as [string, string, string, string]
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.byteLength !== 33 || bytes[0] !== ed25519) return 'its key is not an Ed25519 key'
  const id = createHash('sha256').update(`${name}\n`).update(bytes).digest().subarray(0, 4)
  if (id.toString('hex') !== hex) return 'its key ID is not that of its name and key'
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: bytes.subarray(1).toString('base64url') }, format: 'jwk' })
  return { name, text, id, key }
}

/** A string says what is wrong with it. */
export function parseCheckpoint(note: string): Checkpoint | string {
  const end = note.lastIndexOf('\n\n')
  if (end < 0) return 'it has no signatures'
  const body = note.slice(0, end + 1)
  const [origin = '', sizeText = '', root = ''] = body.split('\n')
  const size = Number(sizeText)
  const hash = Buffer.from(root, 'base64')
  if (!/^(0|[1-9]\d*)$/.test(sizeText) || !Number.isSafeInteger(size)) return 'its size is not a number'
  if (hash.byteLength !== 32 || hash.toString('base64') !== root) return 'its root is not a SHA-256'
  const lines = note
    .slice(end + 2)
    .split('\n')
    .slice(0, -1)
  const signatures = lines.flatMap((line) => {
    const match = /^— (\S+) ([A-Za-z0-9+/]+=*)$/.exec(line)
    if (match === null) return []
    const bytes = Buffer.from(match[2] as string, 'base64')
    return [{ name: match[1] as string, id: bytes.subarray(0, 4), signature: bytes.subarray(4) }]
  })
  if (signatures.length !== lines.length || lines.length === 0) return 'its signatures are not those of a note'
  return { origin, size, root: hash, body, signatures }
}

/** A bad signature of the key makes all of it bad; signatures of other keys count for nothing. */
export function isSignedBy({ body, signatures }: Checkpoint, { name, id, key }: VerifierKey): boolean {
  const own = signatures.filter((signature) => signature.name === name && signature.id.equals(id))
  return own.length > 0 && own.every(({ signature }) => verify(null, Buffer.from(body), key, signature))
}

const ed25519 = 0x01
