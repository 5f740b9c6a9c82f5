/** Questions to the process that watches, until they are answered. Their number and their time are bounded. */

export interface OpenQuestions {
  /** `send`: `false` where there is no process to ask. */
  ask(send: (id: number) => boolean): Promise<unknown>
  answer(id: number, result: unknown, problem: string | null): void
  /** Of all that are open. */
  fail(problem: string): void
}

const maxOpen = 64
const timeoutMs = 5000

export function createOpenQuestions(): OpenQuestions {
  const open = new Map<number, PromiseWithResolvers<unknown>>()
  let next = 1

  function take(id: number): PromiseWithResolvers<unknown> | undefined {
    const found = open.get(id)
    open.delete(id)
    return found
  }

  return {
    async ask(send) {
      if (open.size >= maxOpen) throw new Error('too many questions to the process that watches are open')
      const id = next
      next += 1
      const answer = Promise.withResolvers<unknown>()
      open.set(id, answer)
      const timer = setTimeout(() => take(id)?.reject(new Error('the process that watches does not answer')), timeoutMs)
      try {
        if (!send(id)) throw new Error('the process that watches is being started')
        return await answer.promise
      } finally {
        clearTimeout(timer)
        open.delete(id)
      }
    },
    answer(id, result, problem) {
      const found = take(id)
      if (problem === null) found?.resolve(result)
      else found?.reject(new Error(problem))
    },
    fail(problem) {
      for (const id of [...open.keys()]) take(id)?.reject(new Error(problem))
    },
  }
}
