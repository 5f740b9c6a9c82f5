/** What is kept of a revision cannot be used; the message says which file. */
export class HistoryError extends Error {
  readonly exitCode = 1

  constructor(message: string) {
    super(message)
    this.name = 'HistoryError'
  }
}

/** Nothing is kept by that name: nothing is wrong but the name. */
export class UnknownRevision extends HistoryError {
  constructor(revision: string) {
    super(`the revision "${revision}" is unknown; "sallyport policy list" shows those that are kept`)
    this.name = 'UnknownRevision'
  }
}
