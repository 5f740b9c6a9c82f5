/** The fallback: an `opa` on PATH builds, checks, formats and tests. It does not report what the policy reads, so everything counts as read. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { type CompilerFolders, commandFolders, openWorkFolder } from './folders.ts'
import { fileOf, problemsOfCheck, problemsOfText, type Renamed, testsOf, writeRequest } from './opa-files.ts'
import { type CompilerAnswer, CompilerMissing, type CompilerProblem, type CompilerRequest, everything } from './protocol.ts'

const run = promisify(execFile)
const inflate = promisify(gunzip)

interface Ended {
  readonly ok: boolean
  readonly stdout: string
  readonly stderr: string
}

const timeoutMs = 60_000
/** What policies print in their tests is in the answer. */
const maxOutputBytes = 64 * 1024 ** 2

/** `cause`: why the better way is not there. Throws `CompilerMissing` where there is no `opa` either, or where it cannot do what is asked. */
export async function compileWithOpa(
  request: CompilerRequest,
  cause: unknown,
  { folders = commandFolders(), signal }: { readonly folders?: CompilerFolders; readonly signal?: AbortSignal | undefined } = {},
): Promise<CompilerAnswer> {
  const version = await run('opa', ['version'], { timeout: timeoutMs, ...(signal && { signal }) }).then(
    ({ stdout }) => /Version: (\S+)/.exec(stdout)?.[1] ?? '',
    () => null,
  )
  signal?.throwIfAborted()
  if (version === null) throw new CompilerMissing(cause)
  const { command } = request
  const work = Object.hasOwn(works, command) ? works[command] : undefined
  if (work === undefined)
    throw new CompilerMissing(
      cause,
      `this command needs Go (1.26 or later; https://go.dev/doc/install): with the "opa" on PATH, rules can be compiled, checked, formatted and tested (it was asked for: ${command})`,
    )
  const folder = await mkdtemp(join(openWorkFolder(folders), 'opa-'))
  try {
    const answer = await work({ folder, signal }, request, version)
    signal?.throwIfAborted()
    return answer
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The folder of a request's work, and the signal that ends it. */
interface Place {
  readonly folder: string
  readonly signal: AbortSignal | undefined
}

async function test(place: Place, request: CompilerRequest): Promise<CompilerAnswer> {
  const renamed = await writeRequest(place.folder, request, true)
  const filter = request.run === undefined ? [] : ['--run', request.run]
  // The code says whether each test passed: the answer says which.
  const { stdout, stderr } = await opa(place, [
    'test',
    '--format',
    'json',
    '--capabilities',
    'capabilities.json',
    ...filter,
    'rego',
    'data',
  ])
  const tests = testsOf(stdout, renamed)
  return tests === null ? { problems: problemsOfText(stderr, renamed) } : { problems: [], tests }
}

const shared = ['--capabilities', 'capabilities.json']

async function check(place: Place, request: CompilerRequest): Promise<CompilerAnswer> {
  return { problems: await problemsIn(place, request, await writeRequest(place.folder, request, true)) }
}

async function problemsIn(place: Place, { schema }: CompilerRequest, renamed: Renamed): Promise<readonly CompilerProblem[]> {
  const checking = ['check', '--strict', '--format', 'json', ...shared, ...(schema === undefined ? [] : ['--schema', 'schema.json'])]
  const { ok, stderr } = await opa(place, [...checking, 'rego'])
  return ok ? [] : problemsOfCheck(stderr, renamed)
}

async function format(place: Place, request: CompilerRequest): Promise<CompilerAnswer> {
  const renamed = await writeRequest(place.folder, request, true)
  const { ok, stderr } = await opa(place, ['fmt', '--write', 'rego'])
  if (!ok) return { problems: problemsOfText(stderr, renamed) }
  const names = Object.keys(request.sources ?? {})
  const texts = names.map((_name, index) => readFile(join(place.folder, fileOf(index)), 'utf8'))
  return { problems: [], formatted: Object.fromEntries((await Promise.all(texts)).map((text, index) => [names[index], text])) }
}

async function build(place: Place, request: CompilerRequest, version: string): Promise<CompilerAnswer> {
  const { folder } = place
  const { withTests = false } = request
  const renamed = await writeRequest(folder, request, withTests)
  // `opa build` knows neither strictness nor a schema: a misspelt `input.…` would compile, and be undefined forever.
  const problems = withTests ? [] : await problemsIn(place, request, renamed)
  if (problems.length > 0) return { problems }
  const entrypoints = (request.entrypoints ?? []).flatMap((entrypoint) => ['-e', entrypoint])
  const built = await opa(place, ['build', '-t', 'wasm', ...shared, '-o', 'bundle.tar.gz', ...entrypoints, 'rego'])
  if (!built.ok) return { problems: problemsOfText(built.stderr, renamed) }
  const { unpackTar } = await import('modern-tar')
  const archive = await unpackTar(await inflate(await readFile(join(folder, 'bundle.tar.gz'))))
  const wasm = Buffer.from(archive.find(({ header }) => /^\/?policy\.wasm$/.test(header.name))?.data ?? []).toString('base64')
  return { problems: [], opa: version, wasm, policyReads: everything }
}

const works: Partial<
  Record<CompilerRequest['command'], (place: Place, request: CompilerRequest, version: string) => Promise<CompilerAnswer>>
> = { build, check, fmt: format, test }

/** Never rejects: what went wrong is in what it said. */
function opa({ folder, signal }: Place, args: readonly string[]): Promise<Ended> {
  return run('opa', args, { cwd: folder, maxBuffer: maxOutputBytes, timeout: timeoutMs, ...(signal && { signal }) }).then(
    ({ stdout, stderr }) => ({ ok: true, stdout, stderr }),
    (error: Error & { stdout?: string; stderr?: string }) => ({
      ok: false,
      stdout: error.stdout ?? '',
      stderr: error.stderr || error.message,
    }),
  )
}
