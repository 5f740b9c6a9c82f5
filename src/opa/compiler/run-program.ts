/** Runs a program of WebAssembly with one text in and one out, in another process: its time, memory and V8 settings do not affect this one. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

export interface Ended {
  /** `null`: it was ended, by `timeoutMs`, by `signal` or from outside. */
  readonly code: number | null
  readonly timedOut: boolean
  readonly stdout: string
  readonly stderr: string
}

export interface Bounds {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

const processFile = join(import.meta.dirname, 'wasi-process.ts')

/**
 * A run is short and the program is large (40 MB): what is compiled twice, the second time for speed, costs more than it gives
 * back (a build took 2.1 s of CPU with V8's usual settings and takes 0.85 s with these).
 */
const settings = ['--no-warnings', '--liftoff-only', '--wasm-lazy-validation', '--max-old-space-size=512']

/** Rejects where no process can be started. */
export function runProgram(path: string, input: string, { timeoutMs, signal }: Bounds): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const { LD_LIBRARY_PATH } = process.env
    const child = spawn(process.execPath, [...settings, processFile, path, String(process.pid)], {
      // Ours may have been removed meanwhile.
      cwd: import.meta.dirname,
      env: LD_LIBRARY_PATH === undefined ? {} : { LD_LIBRARY_PATH },
      stdio: 'pipe',
    })
    const end = () => void child.kill('SIGKILL')
    process.once('exit', end)
    signal?.addEventListener('abort', end)
    if (signal?.aborted) end()
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      end()
    }, timeoutMs)
    const settle = () => {
      clearTimeout(timer)
      process.off('exit', end)
      signal?.removeEventListener('abort', end)
    }
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.once('error', (error) => {
      settle()
      reject(new Error(`the Rego compiler’s process cannot be started: ${error.message}`, { cause: error }))
    })
    child.once('close', (code) => {
      settle()
      resolve({ code, timedOut, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() })
    })
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    // It may end before it has read all; how it ended says why.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}
