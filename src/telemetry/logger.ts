/** The operational log: pino, JSON lines on standard error, every line masked as a whole. */
import pino, { type Logger } from 'pino'

export type { Logger }

export interface LoggerOptions {
  readonly level: string
  /** Applied to each finished line, error messages and stacks included. */
  readonly mask: (line: string) => string
  /** Where lines go; standard error where absent. */
  readonly destination?: { write(line: string): void }
}

export function createLogger({ level, mask, destination }: LoggerOptions): Logger {
  const out = destination ?? pino.destination({ fd: 2, sync: false })
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    { write: (line: string) => void out.write(mask(line)) },
  )
}
