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
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
    },
    { write: (line: string) => void out.write(mask(line)) },
  )
}

/** An error's code under a name that is not sensitive: the value of `code`, which is also OAuth's name for a secret, would be masked. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { code, ...rest } = pino.stdSerializers.err(error) as { readonly code?: unknown }
  return code === undefined ? rest : { ...rest, errorCode: code }
}

function standardError(): { write(line: string): void } {
  const writer = createLineWriter({ fd: 2 })
  process.once('exit', writer.flush)
  return writer
}
