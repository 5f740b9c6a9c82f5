/** A line of a chain: each holds the SHA-256 of the line before it. That was the log's form before it became a tree. */
import { hash } from 'node:crypto'
import { AuditError, whatToDo } from '../audit-error.ts'

export interface Line {
  readonly seq: number
  readonly type: string
  readonly id?: string
  readonly prev: string
}

/** What the first line of a log points to. */
export const genesis = hash('sha256', 'sallyport audit log v1')

/** Hex SHA-256 of a line's bytes, without its newline. */
export function hashLine(line: Buffer): string {
  return hash('sha256', line)
}

/** `number`: of the line, from 1. Throws `AuditError` where the line is not a record. */
export function parseLine(file: string, number: number, bytes: Buffer): Line {
  try {
    const line = JSON.parse(bytes.toString('utf8')) as Line
    if (typeof line.seq === 'number' && typeof line.prev === 'string') return line
  } catch {
    // Told below, with the place.
  }
  throw new AuditError(`${file}:${number}: not a record of the audit log. ${whatToDo}`)
}

export function brokenAt(file: string, number: number): AuditError {
  return new AuditError(`${file}:${number}: the chain is broken here: the log was changed, or two gateways wrote to it. ${whatToDo}`)
}
