/** A path that knows what it has cost: its own time on the event loop, chunks that passed, tokens that were taken. */
import type { Arrival } from './arrival.ts'
import type { Cost } from './outcome.ts'
import type { Lease, Stations } from './stations.ts'
import { Timeline } from './timeline.ts'

/** It waits for something. */
const away = -1

export class MeasuredPath extends Timeline {
  protected readonly stations: Stations
  protected readonly arrival: Arrival
  protected lease: Lease | null = null
  #loopFrom: number
  #loopMs = 0
  #passedMs = 0

  constructor(stations: Stations, arrival: Arrival) {
    super(stations.now)
    this.stations = stations
    this.arrival = arrival
    this.#loopFrom = this.arrivedAt
  }

  /** Call it before each wait: other requests have the event loop meanwhile. */
  protected leaveLoop(): void {
    if (this.#loopFrom === away) return
    this.#loopMs += this.stations.now() - this.#loopFrom
    this.#loopFrom = away
  }

  protected enterLoop(): void {
    if (this.#loopFrom === away) this.#loopFrom = this.stations.now()
  }

  /** A chunk, either way. */
  protected passed(bytes: number): void {
    this.#passedMs += this.stations.cpu?.passed(bytes) ?? 0
  }

  /** So far. */
  protected get cpuMs(): number {
    const here = this.#loopFrom === away ? 0 : this.stations.now() - this.#loopFrom
    return this.stations.cpu?.shareMs(this.#loopMs + here, this.#passedMs) ?? 0
  }

  /** At its end, which counts it. `lateBytes`: that the caller was sent, and nothing has charged yet. */
  protected cost(lateBytes: number): Cost {
    this.leaveLoop()
    const tokens = this.lease?.tokens ?? null
    return {
      cpuMs: this.stations.cpu?.settledMs(this.#loopMs, this.#passedMs) ?? null,
      tokens: tokens === null || lateBytes === 0 ? tokens : { ...tokens, bytesIn: tokens.bytesIn + lateBytes },
    }
  }
}
