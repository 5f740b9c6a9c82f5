/** The service of grpc-echo.ts and a client of it in Go, whose modules its own client fetches: `go-grpc/`. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { endingWithUs } from './children.ts'
import { command } from './command.ts'
import { goProgram } from './tools.ts'

export interface GoGrpc {
  readonly program: string
  /** Why it cannot be built here; `null` where it was. */
  readonly missing: string | null
}

export async function buildGoGrpc(t: Pick<TestContext, 'after'>): Promise<GoGrpc> {
  const go = await goProgram()
  if (go.missing !== null) return go
  const folder = mkdtempSync(join(tmpdir(), 'go-grpc-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const program = join(folder, 'go-grpc')
  const { code, stderr } = await command(go.program, ['-C', join(import.meta.dirname, 'go-grpc'), 'build', '-o', program, '.'])
  return { program, missing: code === 0 ? null : `Go cannot build test/support/go-grpc: ${stderr.trim().slice(-300)}` }
}

export interface GoServer {
  readonly port: number
  /** How many calls their callers have given up. */
  readonly cancelled: number
}

/** `files`: its certificate and key; without them it has no TLS. */
export async function startGoServer(t: Pick<TestContext, 'after'>, program: string, files: readonly string[] = []): Promise<GoServer> {
  const [name, ...words] = endingWithUs(program, 'serve', ...files)
  const child = spawn(name, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })
  const [first] = (await once(lines, 'line')) as [string]
  let cancelled = 0
  lines.on('line', () => {
    cancelled += 1
  })
  return {
    port: Number(first),
    get cancelled() {
      return cancelled
    },
  }
}
