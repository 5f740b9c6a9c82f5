/** What is kept of a revision cannot be used; the message says which file. */
export class HistoryError extends Error {
  readonly exitCode = 1

  constructor(message: string) {
    super(message)
    this.name = 'HistoryError'
  }
}
