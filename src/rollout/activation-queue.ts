/** Activations, one after the other, each of which can be aborted: the newest reload replaces those before it, and what an operator chose goes first. */
export interface ActivationQueue {
  /** In the order asked for; once more from the beginning where it was aborted for a choice. */
  enqueue<T>(work: Work<T>): Promise<T>
  /**
   * Of what can be read again only the newest counts: one that runs is aborted and one that waits is left out, and who asked for
   * them is given what comes of the newest. One that has waited long already is not aborted again, so that each change comes to
   * its turn however fast others follow.
   */
  reload<T>(work: Work<T>): Promise<T>
  /** Before all that waits; what runs is aborted, and comes behind it. Is itself aborted by `close` alone. */
  choose<T>(work: Work<T>): Promise<T>
  /** Aborts what runs, and resolves when it has ended. What waits, and all later work, rejects with `Preempted`. */
  close(): Promise<void>
}

/** Rejects with the signal's reason where it was aborted before it was done. */
export type Work<T> = (signal: AbortSignal) => Promise<T>

/** The reason of a signal: nothing is wrong with what was preempted. */
export class Preempted extends Error {
  constructor(why: string) {
    super(`preempted: ${why}`)
    this.name = 'Preempted'
  }
}

interface Task {
  readonly kind: 'ordered' | 'reload' | 'choice'
  readonly work: Work<unknown>
  readonly askedAt: number
  readonly completions: readonly PromiseWithResolvers<unknown>[]
}

/** `patienceMs`: after so long a reload is not aborted for newer ones any more. */
export function createActivationQueue(patienceMs = 5000): ActivationQueue {
  const waiting: Task[] = []
  let running: { readonly task: Task; readonly controller: AbortController; readonly ended: Promise<void> } | null = null
  let closed = false

  function add<T>(kind: Task['kind'], work: Work<T>): Promise<T> {
    const completion = Promise.withResolvers<T>()
    if (closed) completion.reject(shuttingDown())
    else {
      put({ kind, work, askedAt: performance.now(), completions: [completion as PromiseWithResolvers<unknown>] })
      if (running !== null && isPreemptible(running.task, kind)) running.controller.abort(reasonFor(kind))
      next()
    }
    return completion.promise
  }

  function isPreemptible(task: Task, to: Task['kind']): boolean {
    if (to === 'choice') return task.kind !== 'choice'
    return to === 'reload' && task.kind === 'reload' && performance.now() - task.askedAt < patienceMs
  }

  /** A newer reload takes the place of the one that waits, and completes its promises too. */
  function put(task: Task): void {
    const at = waiting.findIndex(({ kind }) => kind === 'reload')
    const other = waiting[at]
    if (task.kind === 'reload' && other !== undefined) waiting[at] = merged(other, task)
    else if (task.kind === 'choice') waiting.splice(waiting.findLastIndex(({ kind }) => kind === 'choice') + 1, 0, task)
    else waiting.push(task)
  }

  /** What was aborted comes again, before all but the choices; a reload as the newest that waits by now. */
  function putBack(task: Task): void {
    const at = waiting.findIndex(({ kind }) => kind === 'reload')
    const newer = waiting[at]
    if (task.kind === 'reload' && newer !== undefined) waiting[at] = merged(task, newer)
    else waiting.splice(waiting.findLastIndex(({ kind }) => kind === 'choice') + 1, 0, task)
  }

  function next(): void {
    if (running !== null) return
    const task = waiting.shift()
    if (task === undefined) return
    const controller = new AbortController()
    running = { task, controller, ended: run(task, controller.signal) }
  }

  async function run(task: Task, signal: AbortSignal): Promise<void> {
    // Who asks several times in one turn of the event loop asks for one thing.
    await Promise.resolve()
    try {
      signal.throwIfAborted()
      const value = await task.work(signal)
      for (const { resolve } of task.completions) resolve(value)
    } catch (error) {
      if (signal.aborted && !closed) putBack(task)
      else for (const { reject } of task.completions) reject(error)
    }
    running = null
    next()
  }

  return {
    enqueue: (work) => add('ordered', work),
    reload: (work) => add('reload', work),
    choose: (work) => add('choice', work),
    async close() {
      closed = true
      for (const { completions } of waiting.splice(0)) for (const { reject } of completions) reject(shuttingDown())
      running?.controller.abort(shuttingDown())
      await running?.ended
    },
  }
}

/** Rejects with the signal's reason at once, whatever `work` still does. */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

function merged(older: Task, newer: Task): Task {
  return { ...newer, askedAt: older.askedAt, completions: [...older.completions, ...newer.completions] }
}

function reasonFor(kind: Task['kind']): Preempted {
  return new Preempted(kind === 'choice' ? 'a revision was chosen meanwhile' : 'something newer is there')
}

function shuttingDown(): Preempted {
  return new Preempted('the gateway is shutting down')
}
