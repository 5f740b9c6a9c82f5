/** What ends an evaluation when a built-in function fails. */

/** A built-in function failed. OPA would make the expression undefined; where `not` stands before it, that would allow. */
export class BuiltinError extends Error {
  readonly builtin: string

  constructor(builtin: string, message: string) {
    super(message.startsWith(builtin) ? message : `${builtin}: ${message}`)
    this.name = 'BuiltinError'
    this.builtin = builtin
  }
}
