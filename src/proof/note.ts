/** Signed notes (c2sp.org/signed-note) and the keys that verify them, cosignatures of witnesses (c2sp.org/tlog-cosignature) included. */

import { isUtf8 } from 'node:buffer'
import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import { ProofError } from './proof-error.ts'

export interface VerifierKey {
  readonly name: string
  /** Four bytes in hex. */
  readonly id: string
  /** 0x01: signs the text. 0x04: cosigns it, with the time. */
  readonly type: 1 | 4
  readonly key: KeyObject
  /** `<name>+<id>+<base64>`, as it is given to an auditor. */
  readonly text: string
}

export interface NoteSignature {
  readonly name: string
  readonly id: string
  readonly signature: Buffer
  /** With its newline. */
  readonly line: string
}

export interface Note {
  /** What is signed, with its last newline. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

export interface VerifiedSignature {
  readonly key: VerifierKey
  readonly line: string
  /** Seconds since the epoch, of a cosignature; of another signature, `null`. */
  readonly time: number | null
}

/** A post-quantum signature has up to 5 kB; the specification asks for 16 at least. */
const maxNoteBytes = 1024 * 1024
const maxSignatures = 128

/** Throws `ProofError` where the text is not a verifier key that is known here. */
export function parseVerifierKey(text: string): VerifierKey {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u.exec(text.trim())
  const [, name = '', id = '', encoded = ''] = match ?? []
  const bytes = exactBase64(encoded)
  const type = bytes?.[0]
  if (bytes === null || (type !== 1 && type !== 4) || bytes.byteLength !== 33)
    throw new ProofError('not a verifier key: it is <name>+<8 hex digits>+<base64>, of an Ed25519 key (type 0x01, or 0x04 of a witness)')
  if (keyId(name, bytes) !== id) throw new ProofError(`the verifier key of ${name} is damaged: its id is not that of its name and key`)
  const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: bytes.subarray(1).toString('base64url') } })
  return { name, id, type, key, text: text.trim() }
}

/** `typed`: the type's byte and the public key. */
function keyId(name: string, typed: Uint8Array): string {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed]), 'hex').slice(0, 8)
}

/** Throws `ProofError` where the bytes are not a signed note. */
export function parseNote(bytes: Buffer): Note {
  if (bytes.byteLength > maxNoteBytes) throw new ProofError('the note is longer than 1 MiB')
  if (!isUtf8(bytes)) throw new ProofError('the note is not UTF-8')
  const whole = bytes.toString('utf8')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the specification forbids them
  if (/[\0-\x09\x0b-\x1f]/.test(whole)) throw new ProofError('the note has a control character')
  const end = whole.lastIndexOf('\n\n')
  if (end < 0 || !whole.endsWith('\n')) throw new ProofError('the note has no signatures, or does not end with a newline')
  const lines = whole.slice(end + 2, -1).split('\n')
  if (lines.length > maxSignatures) throw new ProofError(`the note has more than ${maxSignatures} signatures`)
  return { text: whole.slice(0, end + 1), signatures: lines.map(parseSignature) }
}

function parseSignature(line: string): NoteSignature {
  const [, name = '', encoded = ''] = /^— ([^\s+]+) ([A-Za-z0-9+/=]+)$/u.exec(line) ?? []
  const bytes = exactBase64(encoded)
  if (bytes === null || bytes.byteLength < 5) throw new ProofError('the note has a line among its signatures that is not a signature')
  return { name, id: bytes.subarray(0, 4).toString('hex'), signature: bytes.subarray(4), line: `${line}\n` }
}

/**
 * The signatures of known keys; others are passed over. Throws `ProofError` where one of a known key does not hold, and where
 * there is none of `required`.
 */
export function verifyNote(note: Note, required: VerifierKey, others: readonly VerifierKey[] = []): readonly VerifiedSignature[] {
  const known = [required, ...others]
  const verified = note.signatures.flatMap(({ name, id, signature, line }) => {
    const key = known.find((candidate) => candidate.name === name && candidate.id === id)
    return key === undefined ? [] : [{ key, line, time: verifyOne(note.text, key, signature) }]
  })
  if (!verified.some(({ key }) => key === required)) throw new ProofError(`it is not signed by ${required.name} with key ${required.id}`)
  return verified
}

/** Cosignatures alone, as a witness answers them: lines of other keys are passed over. Throws as `verifyNote`. */
export function verifyCosignatures(text: string, lines: string, witness: VerifierKey): readonly VerifiedSignature[] {
  return verifyNote(parseNote(Buffer.from(`${text}\n${lines}`)), witness)
}

function verifyOne(text: string, { name, type, key }: VerifierKey, signature: Buffer): number | null {
  const isCosignature = type === 4
  const time = isCosignature && signature.byteLength === 72 ? Number(signature.readBigUInt64BE()) : null
  const signed = isCosignature ? `cosignature/v1\ntime ${time}\n${text}` : text
  const plain = isCosignature ? signature.subarray(8) : signature
  if (plain.byteLength !== 64 || !verify(null, Buffer.from(signed), key, plain))
    throw new ProofError(`the signature of ${name} does not hold`)
  return time
}

/** `null` where it is not the one encoding of its bytes: what is accepted has one spelling. */
export function exactBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}
