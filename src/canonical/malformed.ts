/** What has not exactly one reading is refused by this error; the path answers it as `malformed-request`. */

export class Malformed extends Error {
  /** `why` is seen by the caller. */
  constructor(why: string) {
    super(why)
    this.name = 'Malformed'
  }
}
