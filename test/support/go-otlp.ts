/** A receiver of OTLP logs, spans and metrics: `go-otlp/`. */
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

export interface TakenSpan {
  readonly kind: 'span'
  readonly trace: string
  readonly span: string
  /** Empty where it has none. */
  readonly parent: string
  readonly state: string
  readonly name: string
  readonly spanKind: string
  readonly status: string
  readonly startNs: number
  readonly endNs: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly resource: Readonly<Record<string, unknown>>
  readonly tenant: string
  readonly encoding: string
}

export interface TakenPoint {
  readonly kind: 'point'
  readonly name: string
  readonly unit: string
  readonly type: string
  /** Of a histogram: its sum. */
  readonly value: number
  readonly count: number
  readonly buckets: readonly number[]
  readonly bounds: readonly number[]
  /** Trace ids. */
  readonly exemplars: readonly string[]
  readonly attributes: Readonly<Record<string, unknown>>
}

export interface OtlpReceiver {
  readonly port: number
  /** In the order in which they came. */
  readonly taken: readonly TakenLog[]
  readonly spans: readonly TakenSpan[]
  readonly points: readonly TakenPoint[]
  /** What it could not read. */
  readonly wrong: readonly unknown[]
  /** How the next requests are answered, each in its turn, once it resolves; the others with 200. See `go-otlp/main.go`. */
  answer(...answers: readonly string[]): Promise<void>
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
  const spans: TakenSpan[] = []
  const points: TakenPoint[] = []
  const wrong: unknown[] = []
  let [asked, ready] = [0, 0]
  lines.on('line', (line) => {
    const printed = JSON.parse(line) as TakenLog | TakenSpan | TakenPoint | { readonly kind: 'wrong' | 'ready' }
    if (!('kind' in printed)) taken.push(printed)
    else if (printed.kind === 'span') spans.push(printed)
    else if (printed.kind === 'point') points.push(printed)
    else if (printed.kind === 'ready') ready += 1
    else wrong.push(printed)
  })
  return {
    port: Number(first),
    ...{ taken, spans, points, wrong },
    async answer(...answers) {
      child.stdin.write(answers.map((answer) => `${answer}\n`).join(''))
      asked += answers.length
      const wanted = asked
      await eventually('the receiver knows how it is to answer', () => ready >= wanted)
    },
    has: async (count) => void (await eventually(`${count} logs are taken`, () => taken.length >= count)),
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
