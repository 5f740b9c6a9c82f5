/** Work that is done one after the other, some of which gives way to what an operator cannot wait for. */
export interface Turns {
  /** After all that was asked for before it. Throws `GivenUp` once `close` was called. */
  inTurn<T>(work: () => Promise<T>): Promise<T>
  /** The same, and what stands before it and can give way is given up. */
  soon<T>(work: () => Promise<T>): Promise<T>
  /** Within a turn: throws `GivenUp` once `soon` or `close` is called. What `work` still does then comes to nothing. */
  givingWay: GiveWay
  /** Resolves when the turn that is being taken is over. */
  close(): Promise<void>
}

export type GiveWay = <T>(work: () => Promise<T>) => Promise<T>

export class GivenUp extends Error {
  constructor(why: string) {
    super(`given up: ${why}`)
    this.name = 'GivenUp'
  }
}

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  let hurried = 0
  let closed = false
  let giveUp: (() => void) | null = null

  function enqueue<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(() => {
      if (closed) throw reason()
      return work()
    })
    last = next.catch(() => {})
    return next
  }

  function reason(): GivenUp {
    return new GivenUp(closed ? 'the gateway is shutting down' : 'a revision was chosen meanwhile')
  }

  return {
    inTurn: enqueue,
    soon(work) {
      hurried += 1
      giveUp?.()
      return enqueue(() => {
        hurried -= 1
        return work()
      })
    },
    givingWay(work) {
      if (hurried > 0 || closed) return Promise.reject(reason())
      return new Promise((resolve, reject) => {
        giveUp = () => reject(reason())
        work()
          .then(resolve, reject)
          .finally(() => {
            giveUp = null
          })
      })
    },
    async close() {
      closed = true
      giveUp?.()
      await last
    },
  }
}
