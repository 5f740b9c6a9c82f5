/** Dials that belong to no single request, as those of a pool: they are given up once no request waits for them. */
import type { Hangup } from '../core/index.ts'

export class WantedDials implements Hangup {
  /** Nobody has left yet who was there when a dial began. */
  readonly gone = false
  readonly #stops = new Set<() => void>()
  #waiting = 0

  onGone(stop: () => void): () => void {
    this.#stops.add(stop)
    return () => this.#stops.delete(stop)
  }

  /** One more request waits for a connection. */
  enter(): void {
    this.#waiting += 1
  }

  /** The request has a connection, or has given up. */
  leave(): void {
    this.#waiting -= 1
    if (this.#waiting > 0) return
    for (const stop of [...this.#stops]) stop()
  }
}
