/** Asks OPA's own compiler: as WebAssembly in a worker; where Go is missing, an `opa` on PATH. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { parseJson } from '../../core/index.ts'
import { compileWithOpa } from './opa.ts'
import { compiler, defaultCacheFolder, programPath } from './program.ts'
import { type CompilerAnswer, type CompilerProblem, type CompilerRequest, RegoError } from './protocol.ts'

export type Compile = (request: CompilerRequest) => Promise<CompilerAnswer>

const timeoutMs = 60_000

/**
 * A compile function; its WebAssembly module is loaded on first use and kept.
 * The function throws `RegoError` (with file, row, column) or `CompilerMissing`.
 */
export function createCompile(cacheFolder: string = defaultCacheFolder()): Compile {
  let loading: Promise<WebAssembly.Module> | null = null
  return async (request) => {
    loading ??= programPath(compiler, cacheFolder).then(async (path) => WebAssembly.compile(await readFile(path)))
    let module: WebAssembly.Module
    try {
      module = await loading
    } catch (cause) {
      loading = null
      const answer = await compileWithOpa(request, cause)
      return succeeded(answer)
    }
    return succeeded(await runInWorker(module, request))
  }
}

function succeeded(answer: CompilerAnswer): CompilerAnswer {
  if (answer.problems.length > 0) throw new RegoError(distinct(answer.problems))
  return answer
}

/** OPA's parser tells one error several ways, and then that the file ended: the longest of each place is kept. */
function distinct(problems: readonly CompilerProblem[]): readonly CompilerProblem[] {
  const places = new Map<string, CompilerProblem>()
  for (const one of problems) {
    if (one.message === 'unexpected eof token' && problems.some((other) => other.file === one.file && other !== one)) continue
    const place = `${one.file}:${one.row}:${one.column}`
    const other = places.get(place)
    if (other === undefined) places.set(place, one)
    else if (one.message.startsWith(other.message)) places.set(place, one)
    else places.set(`${place} ${one.message}`, one)
  }
  return [...places.values()]
}

async function runInWorker(module: WebAssembly.Module, request: CompilerRequest): Promise<CompilerAnswer> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-rego-'))
  try {
    return await askWorker(module, request, folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A hostile source can at most waste a worker's time: it is ended after `timeoutMs`. */
function askWorker(module: WebAssembly.Module, request: CompilerRequest, folder: string): Promise<CompilerAnswer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./wasi-worker.ts', import.meta.url), {
      workerData: { module, request: JSON.stringify(request), folder },
      resourceLimits: { maxOldGenerationSizeMb: 512 },
      // The warning that node:wasi is experimental helps nobody who compiles a policy.
      execArgv: ['--no-warnings'],
    })
    const timer = setTimeout(() => {
      const late = { file: '', row: 0, column: 0, code: 'timeout', message: `the compiler did not end within ${timeoutMs / 1000} s` }
      void worker.terminate().then(() => reject(new RegoError([late])))
    }, timeoutMs)
    worker.once('message', ({ exitCode, stdout, stderr }: { exitCode: number; stdout: string; stderr: string }) => {
      clearTimeout(timer)
      const answer = exitCode === 0 ? answerIn(stdout) : null
      if (answer !== null) resolve(answer)
      else
        reject(
          new RegoError([
            {
              file: '',
              row: 0,
              column: 0,
              code: 'compiler',
              message: stderr.trim().slice(0, 2000) || `the compiler ended with ${exitCode} and no answer`,
            },
          ]),
        )
    })
    worker.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
  })
}

function answerIn(stdout: string): CompilerAnswer | null {
  try {
    const answer = parseJson(stdout) as Partial<CompilerAnswer> | null
    return Array.isArray(answer?.problems) ? (answer as CompilerAnswer) : null
  } catch {
    return null
  }
}
