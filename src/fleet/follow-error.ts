/** What a person has to put right before a topic can be followed; the message says what. */
export class FollowError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FollowError'
  }
}
