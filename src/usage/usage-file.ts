/** What is kept of usage over restarts: a file in a folder of its own, a line per integration. */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { problems } from '../core/index.ts'
import { temporaryName, writeAtomically } from '../files/index.ts'
import { type Result, results } from './counters.ts'
import { fineBuckets } from './durations.ts'
import type { Totals } from './totals.ts'

const fileIn = (folder: string): string => join(folder, 'totals.jsonl')

const head = { kind: 'sallyport-usage', version: 1 } as const
const count = z.number().nonnegative()
const counts = z.object({ consumed: z.number(), allowed: count, limited: count })

/** What another version has counted beside this is left out. */
const lineSchema = z.object({
  integration: z.string(),
  since: z.iso.datetime().nullable(),
  requests: z.object(Object.fromEntries(results.map((result) => [result, count])) as Record<Result, typeof count>),
  problems: z
    .record(z.string(), count)
    .transform((codes) => Object.fromEntries(Object.entries(codes).filter(([code]) => code in problems))),
  originErrors: count,
  sentBytes: count,
  receivedBytes: count,
  latency: z.object({
    maxMs: count,
    counts: z.array(
      z.tuple([
        z
          .number()
          .int()
          .min(0)
          .max(fineBuckets - 1),
        count,
      ]),
    ),
  }),
  buckets: z.object({ arrivals: counts, requests: counts, bytesOut: counts, bytesIn: counts, concurrency: counts }).partial(),
})

/** Empty where nothing is kept yet. A file that a gateway did not write is set aside, and `onDamaged` called; throws what the file system throws. */
export async function readKept(folder: string, onDamaged: (problem: string) => void): Promise<ReadonlyMap<string, Totals>> {
  const file = fileIn(folder)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // Of a process that was killed as it wrote.
  for (const name of await readdir(folder)) if (temporaryName.test(name)) await rm(join(folder, name), { force: true })
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    throw error
  }
  try {
    return parse(text)
  } catch {
    await rename(file, `${file}.damaged`)
    onDamaged(`${file} is not what a gateway keeps of usage; it is now ${file}.damaged, and usage is counted from zero`)
    return new Map()
  }
}

function parse(text: string): ReadonlyMap<string, Totals> {
  const [first = '', ...lines] = text.trimEnd().split('\n')
  const { kind, version } = JSON.parse(first) as Partial<typeof head>
  if (kind !== head.kind || version !== head.version) throw new Error('another kind of file')
  return new Map(
    lines.map((line) => {
      const { integration, ...totals } = lineSchema.parse(JSON.parse(line))
      return [integration, totals as Totals]
    }),
  )
}

/** Whole or not at all, and on disk when it resolves; the folder is there. The text is made in slices: `giveWay` is waited for after each. */
export async function writeKept(folder: string, totals: Iterable<readonly [string, Totals]>, giveWay: () => Promise<void>): Promise<void> {
  const parts = [Buffer.from(`${JSON.stringify(head)}\n`)]
  for (const [integration, total] of totals) {
    parts.push(Buffer.from(`${JSON.stringify({ integration, ...total })}\n`))
    if (parts.length % linesPerSlice === 0) await giveWay()
  }
  await writeAtomically(fileIn(folder), Buffer.concat(parts), 0o600)
}

/** Some 20 µs each. */
const linesPerSlice = 50
