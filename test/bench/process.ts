/** A process under measurement: its CPU time and resident memory as the kernel accounts them (Linux). */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { endingWithUs } from '../support/children.ts'
import { childRunning } from '../support/running.ts'

const ticksPerSecond = 100

export interface Measured {
  /** User and system time so far, seconds. */
  cpuSeconds(): number
  /** The same of its children as well, those that run. */
  familyCpuSeconds(): number
  /** Of its child with this in its command line; 0 before there is one. */
  childCpuSeconds(word: string): number
  rssMiB(): number
  stop(): Promise<void>
}

/** `maxDescriptors`: RLIMIT_NOFILE of it. */
export function start(
  script: string,
  args: readonly string[],
  { env = process.env, maxDescriptors = null }: { env?: NodeJS.ProcessEnv; maxDescriptors?: number | null } = {},
): Measured {
  const node = [process.execPath, '--no-warnings', script, ...args] as const
  const [program, ...words] =
    maxDescriptors === null ? endingWithUs(...node) : endingWithUs('prlimit', `--nofile=${maxDescriptors}`, ...node)
  const child: ChildProcess = spawn(program, words, { stdio: ['ignore', 'inherit', 'inherit'], env })
  const { pid } = child
  const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8')
  return {
    cpuSeconds: () => cpuSecondsOf(Number(pid)),
    familyCpuSeconds() {
      const children = read(`task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number)
      return [Number(pid), ...children].reduce((sum, id) => sum + cpuSecondsOf(id), 0)
    },
    childCpuSeconds(word) {
      const child = childRunning(Number(pid), word)
      return child === null ? 0 : cpuSecondsOf(child)
    },
    rssMiB: () => Number(/VmRSS:\s+(\d+)/.exec(read('status'))?.[1] ?? 0) / 1024,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
    },
  }
}

function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Milliseconds until something accepts on the port. */
export async function untilListening(port: number): Promise<number> {
  const began = performance.now()
  while (performance.now() - began < 20_000) {
    const accepted = await new Promise<boolean>((resolve) => {
      const probe = connect(port, '127.0.0.1')
      probe.once('connect', () => resolve(true)).once('error', () => resolve(false))
      probe.once('connect', () => probe.destroy())
    })
    if (accepted) return performance.now() - began
    await sleep(5)
  }
  throw new Error(`nothing listens on port ${port}`)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
