/** A receiver of OTLP logs: `go-otlp/`. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { endingWithUs } from './children.ts'
import { eventually } from './eventually.ts'

export interface TakenLog {
  readonly body: string
  readonly event: string
  readonly severity: string
  readonly timeMs: number
  readonly traceId: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly resource: Readonly<Record<string, unknown>>
  /** Of the request: headers, and the name in the client's certificate. */
  readonly authorization: string
  readonly tenant: string
  readonly client: string
  readonly encoding: string
}

export interface OtlpReceiver {
  readonly port: number
  /** In the order in which they came. */
  readonly taken: readonly TakenLog[]
  /** How the next requests are answered, each in its turn; the others with 200. See `go-otlp/main.go`. */
  answer(...answers: readonly string[]): void
  /** Resolves once so many have been taken. */
  has(count: number): Promise<void>
  kill(): Promise<void>
}

/** `port`: 0 for a free one. `files`: its certificate and key, with which it asks clients for theirs; without them it has no TLS. */
export async function startOtlpReceiver(
  t: Pick<TestContext, 'after'>,
  program: string,
  { port = 0, files = [] }: { port?: number; files?: readonly string[] } = {},
): Promise<OtlpReceiver> {
  const [name, ...words] = endingWithUs(program, `127.0.0.1:${port}`, ...files)
  const child = spawn(name, words, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })
  const [first] = (await once(lines, 'line')) as [string]
  const taken: TakenLog[] = []
  lines.on('line', (line) => taken.push(JSON.parse(line) as TakenLog))
  return {
    port: Number(first),
    taken,
    answer: (...answers) => void child.stdin.write(answers.map((answer) => `${answer}\n`).join('')),
    has: async (count) => void (await eventually(`${count} logs are taken`, () => taken.length >= count)),
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
