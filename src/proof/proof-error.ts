/** A proof, note or file of a log that does not hold, said in one sentence. */
export class ProofError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ProofError'
  }
}
