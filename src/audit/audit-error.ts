/** The log cannot be opened as it is: what, where, and what to do. */
export class AuditError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AuditError'
  }
}
