/** Runs `go build` for wasip1, in any environment: without a home, as a user without a name, beside a repository of another user. */
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Modules may have to be fetched first. */
const timeoutMs = 600_000
const maxShownCharacters = 600

/** `own`: Go keeps everything below this folder; `null`: where it usually does. Throws an error that says what `go` said. */
export async function buildWithGo(args: readonly string[], folder: string, own: string | null): Promise<void> {
  const env = { ...process.env, GOOS: 'wasip1', GOARCH: 'wasm', CGO_ENABLED: '0', ...(own !== null && (await ownCaches(own))) }
  // The checkout may belong to another user, whose history `git` does not show us.
  const all = ['build', '-trimpath', '-buildvcs=false', '-ldflags=-s -w', ...args]
  try {
    await run('go', all, { cwd: folder, env, timeout: timeoutMs })
  } catch (error) {
    throw new Error(problemOf(error as NodeJS.ErrnoException & { stderr?: string; killed?: boolean }), { cause: error })
  }
}

function problemOf({ code, message, stderr = '', killed }: NodeJS.ErrnoException & { stderr?: string; killed?: boolean }): string {
  if (code === 'ENOENT') return '"go" is not on PATH'
  if (killed === true) return `"go build" did not end within ${timeoutMs / 60_000} minutes`
  return `"go build" failed: ${(stderr.trim() || message).slice(-maxShownCharacters)}`
}

/** Modules that are on this machine already are taken from where they are: it may have no way out. */
async function ownCaches(folder: string): Promise<NodeJS.ProcessEnv> {
  const { stdout } = await run('go', ['env', 'GOMODCACHE', 'GOPROXY', 'GOFLAGS']).catch(() => ({ stdout: '' }))
  const [modules = '', proxies = '', flags = ''] = stdout.split('\n')
  const known = modules === '' ? [] : [`file://${join(modules, 'cache/download')}`]
  const temporary = join(folder, 'tmp')
  await mkdir(temporary)
  return {
    HOME: folder,
    GOCACHE: join(folder, 'cache'),
    GOPATH: join(folder, 'path'),
    GOMODCACHE: join(folder, 'modules'),
    GOTMPDIR: temporary,
    GOENV: 'off',
    GOTELEMETRY: 'off',
    GOPROXY: [...known, proxies].filter((proxy) => proxy !== '').join(','),
    // Else what is there could not be removed afterwards.
    GOFLAGS: `${flags} -modcacherw`.trim(),
  }
}
