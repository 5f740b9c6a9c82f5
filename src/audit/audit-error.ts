/** The log cannot be opened, read or continued; the message says where and what to do. */

export const whatToDo =
  'Keep it as evidence: move the folder away and start with a new one, or let "sallyport audit continue" close it, record that, and begin a new log'

export class AuditError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AuditError'
  }
}

/** `place`: a file of the log, with a line where that is known. */
export function damaged(place: string, what: string): AuditError {
  return new AuditError(`${place}: ${what}. ${whatToDo}`)
}
