/** A line of the log as a start reads it, and the error that names a line which cannot be read. */

export interface Line {
  readonly seq: number
  readonly type: string
  readonly id?: string
  readonly prev: string
}

const whatToDo =
  'Keep it as evidence: move the folder away and start with a new one, or let "sallyport audit continue" close it, record that, and begin a new part behind it'

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

export class AuditError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AuditError'
  }
}
