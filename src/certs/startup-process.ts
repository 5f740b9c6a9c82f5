/**
 * What a start needs once, in a process of its own, which takes what it loads for that with it: making a CA (8 MiB), and
 * reading the machine's trust store, whose certificates Node keeps forever (4 MiB for some 500 of them).
 */
import { execFile } from 'node:child_process'
import module from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { MadeAuthority } from './certificate-authority.ts'

/** What the process prints. */
export interface StartupAnswer {
  /** PEM of each CA that this machine trusts. */
  readonly roots: readonly string[]
  readonly made: MadeAuthority | null
}

const processFile = join(import.meta.dirname, 'authority-process.ts')

/** `nowMs`: when the CA's validity begins, less an hour. Rejects with what keeps it from being made. */
export async function makeAuthorityApart(nowMs: number): Promise<StartupAnswer & { readonly made: MadeAuthority }> {
  try {
    const { roots, made } = await ask(String(nowMs))
    if (made === null) throw new Error('its process made none')
    return { roots, made }
  } catch (error) {
    throw new Error('the interception CA cannot be made: its process failed', { cause: error })
  }
}

/** PEM of each CA that this machine trusts. Rejects where no process can be started. */
export async function readRootsApart(): Promise<readonly string[]> {
  return (await ask()).roots
}

/** The variables that say what a machine trusts, beside those that a Node process needs to start. */
const passed = ['LD_LIBRARY_PATH', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS'] as const

async function ask(...words: readonly string[]): Promise<StartupAnswer> {
  const cache = module.getCompileCacheDir()
  const env = {
    ...Object.fromEntries(passed.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
    // Node gives the folder of its own version inside the folder that was set.
    ...(cache !== undefined && { NODE_COMPILE_CACHE: dirname(cache) }),
  }
  // The key comes through a pipe, so that it is not in a file or on a command line.
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', processFile, ...words], {
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
