/** What is in memory of an integration, and of it with one destination. */
import type { Beats } from './beats.ts'
import type { Row } from './rows.ts'

export interface Pair extends Row {
  readonly integration: string
  readonly destination: string
  /** Only of pairs whose regularity is watched. */
  beats: Beats | null
  /** Was never seen before this process saw it, after its integration was known. */
  isNew: boolean
  /** Of the store that it was compared with last. */
  generation: number
}

export interface Integration {
  readonly name: string
  owner: string | null
  readonly whole: Pair
  readonly pairs: Map<string, Pair>
  beating: number
  /** Rows in the store. */
  stored: number
  /** Distinct destinations of the open hour; those that were denied; and names of new ones that look like encoded data. */
  destinations: number
  readonly deniedNames: Set<string>
  readonly encodedNames: Set<string>
}
