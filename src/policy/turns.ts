/** Work that is done one after the other, some of which gives way to what an operator cannot wait for. */
export interface Turns {
  /** After all that was asked for before it; and once more from the beginning, behind what it had to give way to. */
  inTurn<T>(work: () => Promise<T>): Promise<T>
  /** Once, and what stands before it and can give way gives way. */
  soon<T>(work: () => Promise<T>): Promise<T>
  /** Within a turn: throws `GivenUp` once `soon` or `close` is called. What `work` still does then comes to nothing. */
  givingWay: GiveWay
  /** The same for `close` alone. */
  untilClosed: GiveWay
  /** Resolves when the turn that is being taken is over. Later turns throw `GivenUp`. */
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
  /** One turn is taken at a time, and waits for one thing at a time. */
  let waiting: { readonly toHurry: boolean; giveUp(): void } | null = null

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

  function unless<T>(toHurry: boolean, work: () => Promise<T>): Promise<T> {
    if (closed || (toHurry && hurried > 0)) return Promise.reject(reason())
    return new Promise((resolve, reject) => {
      const mine = { toHurry, giveUp: () => reject(reason()) }
      waiting = mine
      work()
        .then(resolve, reject)
        .finally(() => {
          // Work that was given up may end while a later turn waits.
          if (waiting === mine) waiting = null
        })
    })
  }

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await enqueue(work)
      } catch (error) {
        if (!(error instanceof GivenUp) || closed) throw error
      }
    }
  }

  return {
    inTurn,
    soon(work) {
      hurried += 1
      if (waiting?.toHurry) waiting.giveUp()
      return enqueue(() => {
        hurried -= 1
        return work()
      })
    },
    givingWay: (work) => unless(true, work),
    untilClosed: (work) => unless(false, work),
    async close() {
      closed = true
      waiting?.giveUp()
      await last
    },
  }
}
