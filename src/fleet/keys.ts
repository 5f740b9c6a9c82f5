/** Which key proves which gateway: those of a file, or the first that a gateway was seen with. */
import { readFileSync } from 'node:fs'
import { ProofError, parseVerifierKey, type VerifierKey } from '../proof/index.ts'
import { type Finding, finding } from './finding.ts'
import { FollowError } from './follow-error.ts'
import type { Gateway } from './gateway.ts'

export interface Keys {
  /** Gateways that must be seen; none where keys are trusted on first use. */
  readonly expected: readonly string[]
  /** The key with which a checkpoint of the gateway is to be verified; null where there is none. */
  keyOf(gateway: Gateway, claimed: string | null): { readonly key: VerifierKey | null; readonly findings: readonly Finding[] }
}

/** One verifier key per line; empty lines and those that begin with `#` are passed over. Throws `FollowError` with the line's number. */
export function readKeys(file: string): Keys {
  const keys = new Map<string, VerifierKey>()
  readText(file)
    .split('\n')
    .forEach((line, index) => {
      const text = line.trim()
      if (text === '' || text.startsWith('#')) return
      const key = readKey(text)
      if (typeof key === 'string') throw new FollowError(`${file}:${index + 1}: ${key}`)
      if (keys.has(key.name)) throw new FollowError(`${file}:${index + 1}: there is a key of ${key.name} already`)
      keys.set(key.name, key)
    })
  return {
    expected: [...keys.keys()],
    keyOf: ({ origin }) => ({ key: keys.get(origin) ?? null, findings: [] }),
  }
}

/** Trust on first use: a gateway must go on with the key that it began with. */
export function createFirstUseKeys(): Keys {
  const parsed = new Map<string, VerifierKey>()
  return {
    expected: [],
    keyOf(gateway, claimed) {
      const { origin } = gateway
      const findings: Finding[] = []
      const said = claimed === null ? 'it says none' : readKey(claimed)
      const isOwn = typeof said !== 'string' && said.name === origin
      if (gateway.key === null && isOwn) {
        gateway.key = said.text
        findings.push(finding('new-gateway', origin, null, `its key is trusted because it is the first that was seen: ${said.text}`))
      }
      if (gateway.key === null) return { key: null, findings }
      if (isOwn && said.text !== gateway.key)
        findings.push(finding('key-changed', origin, null, `it signs with another key (${said.text}) than before (${gateway.key})`))
      const known = parsed.get(origin) ?? readKey(gateway.key)
      if (typeof known === 'string') return { key: null, findings }
      parsed.set(origin, known)
      return { key: known, findings }
    },
  }
}

/** A string says what is wrong with it. */
function readKey(text: string): VerifierKey | string {
  try {
    const key = parseVerifierKey(text)
    return key.type === logKey ? key : 'it is the key of a witness, and not of a log'
  } catch (error) {
    if (error instanceof ProofError) return error.message
    throw error
  }
}

/** Ed25519, of what signs a log (C2SP signed-note). */
const logKey = 1

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new FollowError(`the file of keys cannot be read: ${(error as Error).message}`, { cause: error })
  }
}
