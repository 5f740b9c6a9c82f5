/** Makes a CA in a process of its own, which takes what it loads for that with it: a gateway that has intercepted nothing yet goes without (8 MiB). */
import { execFile } from 'node:child_process'
import module from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { MadeAuthority } from './certificate-authority.ts'

const processFile = join(import.meta.dirname, 'authority-process.ts')

/** `nowMs`: when its validity begins, less an hour. Rejects with what keeps it from being made. */
export async function makeAuthorityApart(nowMs: number): Promise<MadeAuthority> {
  const { LD_LIBRARY_PATH } = process.env
  const cache = module.getCompileCacheDir()
  const env = {
    ...(LD_LIBRARY_PATH !== undefined && { LD_LIBRARY_PATH }),
    // What Node gives is the folder of its own version in the one that was set.
    ...(cache !== undefined && { NODE_COMPILE_CACHE: dirname(cache) }),
  }
  try {
    // The key comes through a pipe: it stands in no file and in no command line.
    const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', processFile, String(nowMs)], {
      ...{ env, timeout: timeoutMs },
      // Ours may have been removed meanwhile.
      cwd: import.meta.dirname,
    })
    return JSON.parse(stdout) as MadeAuthority
  } catch (error) {
    throw new Error('the interception CA cannot be made: its process failed', { cause: error })
  }
}

/** It takes some 0.2 s. */
const timeoutMs = 60_000
