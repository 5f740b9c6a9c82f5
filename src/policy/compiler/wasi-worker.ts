/** Runs the compiler's WebAssembly once in a worker: no preopened folder, no environment, standard streams only. */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WASI } from 'node:wasi'
import { parentPort, workerData } from 'node:worker_threads'

interface Job {
  readonly module: WebAssembly.Module
  readonly request: string
  /** For nobody else, and removed by who made it: a worker that is ended cannot. */
  readonly folder: string
}

const { module, request, folder } = workerData as Job
parentPort?.postMessage(await run())

/** node:wasi reads and writes file descriptors only, so the streams are files. */
async function run(): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const paths = { stdin: join(folder, 'in'), stdout: join(folder, 'out'), stderr: join(folder, 'err') }
  writeFileSync(paths.stdin, request, { mode: 0o600 })
  const stdin = openSync(paths.stdin, 'r')
  const stdout = openSync(paths.stdout, 'w', 0o600)
  const stderr = openSync(paths.stderr, 'w', 0o600)
  const wasi = new WASI({ version: 'preview1', args: ['compiler'], env: {}, preopens: {}, stdin, stdout, stderr, returnOnExit: true })
  const instance = await WebAssembly.instantiate(module, wasi.getImportObject() as WebAssembly.Imports)
  const exitCode = wasi.start(instance)
  for (const descriptor of [stdin, stdout, stderr]) closeSync(descriptor)
  return { exitCode, stdout: readFileSync(paths.stdout, 'utf8'), stderr: readFileSync(paths.stderr, 'utf8') }
}
