/** Checkpoints as signed notes: C2SP tlog-checkpoint and signed-note, with one Ed25519 signature. */
import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import { AuditError } from './audit-error.ts'

export interface Checkpoint {
  readonly origin: string
  readonly size: number
  /** 32 bytes. */
  readonly root: Buffer
}

/** Ed25519, in key ids and verifier keys. */
const ed25519 = 0x01

/** `<name>+<hex key id>+<base64 of type and key>`, of a raw public key of 32 bytes. */
export function verifierKey(name: string, publicKey: Buffer): string {
  return `${name}+${keyId(name, publicKey).toString('hex')}+${typed(publicKey).toString('base64')}`
}

/** The public key in a verifier key; `null` where it is not one of Ed25519. */
export function publicKeyOf(verifierKey: string): Buffer | null {
  const typedKey = Buffer.from(/^[^+\s]+\+[0-9a-f]{8}\+([A-Za-z0-9+/]{44})$/.exec(verifierKey.trim())?.[1] ?? '', 'base64')
  return typedKey.byteLength === 33 && typedKey[0] === ed25519 ? typedKey.subarray(1) : null
}

/** What is signed: it ends with a newline. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`
}

/** The whole note. `signature`: of the text's bytes, 64 bytes. */
export function signedNote(text: string, name: string, publicKey: Buffer, signature: Buffer): string {
  return `${text}\n— ${name} ${Buffer.concat([keyId(name, publicKey), signature]).toString('base64')}\n`
}

/** A log's own checkpoint. Throws `AuditError` where it is not one, or where the key did not sign it; signatures of others are ignored. */
export function openCheckpoint(note: string, publicKey: Buffer): Checkpoint {
  const split = note.indexOf('\n\n')
  const text = note.slice(0, split + 1)
  const [origin = '', size = '', root = ''] = text.split('\n')
  const isWhole = split > 0 && note.endsWith('\n') && /^(0|[1-9]\d{0,15})$/.test(size) && /^[A-Za-z0-9+/]{43}=$/.test(root)
  if (!isWhole) throw new AuditError('it is not a checkpoint')
  const id = keyId(origin, publicKey)
  const signatures = note
    .slice(split + 2, -1)
    .split('\n')
    .map((line) => /^— (\S+) ([A-Za-z0-9+/]+={0,2})$/.exec(line))
    .flatMap((match) => (match?.[1] === origin ? [Buffer.from(match[2] as string, 'base64')] : []))
    .filter((bytes) => bytes.subarray(0, 4).equals(id))
  if (signatures.length === 0) throw new AuditError('the key of this gateway did not sign it: it is the log of another gateway')
  const key = publicKeyObject(publicKey)
  if (!signatures.every((bytes) => verify(null, Buffer.from(text), key, bytes.subarray(4))))
    throw new AuditError('its signature does not hold: it was changed')
  return { origin, size: Number(size), root: Buffer.from(root, 'base64') }
}

/** SubjectPublicKeyInfo of Ed25519 (RFC 8410 §4) without the 32 bytes of the key. */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

function publicKeyObject(raw: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([spkiPrefix, raw]), format: 'der', type: 'spki' })
}

/** The 32 bytes of an Ed25519 key's public part. */
export function rawPublicKey(key: KeyObject): Buffer {
  return createPublicKey(key as never)
    .export({ format: 'der', type: 'spki' })
    .subarray(spkiPrefix.byteLength)
}

function keyId(name: string, publicKey: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed(publicKey)]), 'buffer').subarray(0, 4)
}

function typed(publicKey: Buffer): Buffer {
  return Buffer.concat([Buffer.of(ed25519), publicKey])
}
