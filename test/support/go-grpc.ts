/** The service of grpc-echo.ts and a client of it in Go, whose modules its own client fetches: `go-grpc/`. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { endingWithUs } from './children.ts'

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
