/** The operational log: pino, JSON lines on standard error, every line masked as a whole. */
import pino, { type Logger } from 'pino'
import { createLineWriter } from './line-writer.ts'

export type { Logger }

export interface LoggerOptions {
  readonly level: string
  /** Applied to each finished line, error messages and stacks included. */
  readonly mask: (line: string) => string
  /** Where lines go; standard error where absent. */
  readonly destination?: { write(line: string): void }
}

export function createLogger({ level, mask, destination }: LoggerOptions): Logger {
  const out = destination ?? standardError()
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    { write: (line: string) => void out.write(mask(line)) },
  )
}

function standardError(): { write(line: string): void } {
  const writer = createLineWriter({ fd: 2 })
  process.once('exit', writer.flush)
  return writer
}
