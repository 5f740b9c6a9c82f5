/** Questions to the log, one after the other and within a time; whoever asks for more at once is told when to come again. */
import type { Principal } from '../../operators/index.ts'
import type { LogReader } from './log-reader.ts'
import type { Answer, Question } from './process-messages.ts'

/** Which wait or are being answered: of all, and of one principal. */
const maxOpen = 8
const maxOwn = 3

export interface Refused {
  readonly status: 429 | 503
  readonly detail: string
  readonly retryAfterS: number
}

export type Ask = (principal: Principal, question: Question) => Promise<Answer | Refused>

/** `maxMs`: for one question, the start of the process included. */
export function createAsk(reader: LogReader, onFailure: (error: unknown) => void, maxMs = 20_000): Ask {
  const open: string[] = []
  let last: Promise<unknown> = Promise.resolve()

  async function askNow(question: Question): Promise<Answer | Refused> {
    let isLate = false
    // A query of SQLite ends only with its process.
    const timer = setTimeout(() => {
      isLate = true
      reader.kill()
    }, maxMs)
    try {
      return await reader.ask(question)
    } catch (error) {
      if (isLate) return { status: 503, detail: 'the answer took too long: ask for less, such as a shorter time', retryAfterS: 1 }
      onFailure(error)
      return { status: 503, detail: 'the log cannot be asked now; the operator’s log says why', retryAfterS: 5 }
    } finally {
      clearTimeout(timer)
    }
  }

  return async ({ by, name }, question) => {
    const owner = JSON.stringify([by, name])
    if (open.filter((other) => other === owner).length >= maxOwn)
      return { status: 429, detail: `${maxOwn} questions of yours are open: wait for their answers`, retryAfterS: 1 }
    if (open.length >= maxOpen) return { status: 503, detail: 'too many questions are open', retryAfterS: 2 }
    open.push(owner)
    const answer = last.then(() => askNow(question))
    last = answer
    try {
      return await answer
    } finally {
      open.splice(open.indexOf(owner), 1)
    }
  }
}
