/**
 * What a start needs once, in a process of its own, which takes what it loads for that with it: making a CA (8 MiB), and
 * reading the machine's trust store, whose certificates Node keeps forever (4 MiB for some 500 of them).
 */
import { execFile } from 'node:child_process'
import module from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { MadeAuthority } from './certificate-authority.ts'

/** What clients are given beside the CA itself. */
export interface TrustMaterial {
  /** PEM of each CA that this machine trusts. */
  readonly roots: readonly string[]
  /** PKCS #12 of these and the gateway's, in base64. */
  readonly truststore: string
}

/** What the process is asked, as JSON. */
export interface StartupQuestion {
  /** When the validity of a new CA begins, less an hour; `null` where none is wanted. */
  readonly fromMs: number | null
  /** PEM of the gateway's CAs that are there, the current one first. */
  readonly authorities: readonly string[]
}

/** What it prints. */
export interface StartupAnswer extends TrustMaterial {
  readonly made: MadeAuthority | null
}

const processFile = join(import.meta.dirname, 'authority-process.ts')

/** `nowMs`: when the CA's validity begins, less an hour. Rejects with what keeps it from being made. */
export async function makeAuthorityApart(nowMs: number): Promise<TrustMaterial & { readonly made: MadeAuthority }> {
  try {
    const { made, ...material } = await ask({ fromMs: nowMs, authorities: [] })
    if (made === null) throw new Error('its process made none')
    return { ...material, made }
  } catch (error) {
    throw new Error('the interception CA cannot be made: its process failed', { cause: error })
  }
}

/** `authorities` as in `StartupQuestion`. Rejects where no process can be started. */
export function readTrustApart(authorities: readonly string[]): Promise<TrustMaterial> {
  return ask({ fromMs: null, authorities })
}

/** The variables that say what a machine trusts, beside those that a Node process needs to start. */
const passed = ['LD_LIBRARY_PATH', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS'] as const

async function ask(question: StartupQuestion): Promise<StartupAnswer> {
  const cache = module.getCompileCacheDir()
  const env = {
    ...Object.fromEntries(passed.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
    // Node gives the folder of its own version inside the folder that was set.
    ...(cache !== undefined && { NODE_COMPILE_CACHE: dirname(cache) }),
  }
  // The key comes through a pipe, so that it is not in a file or on a command line.
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', processFile, JSON.stringify(question)], {
    ...{ env, timeout: timeoutMs, maxBuffer: maxAnswerBytes },
    // Ours may have been removed meanwhile.
    cwd: import.meta.dirname,
  })
  return JSON.parse(stdout) as StartupAnswer
}

/** It takes some 0.2 s. */
const timeoutMs = 60_000
/** A trust store of 500 certificates is a tenth of it. */
const maxAnswerBytes = 16 * 1024 * 1024
