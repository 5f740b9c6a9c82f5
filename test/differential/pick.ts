/** Choices by a seed: mostly of what is plain, now and then of what is hostile. */
import { createRandom } from '../fuzz/generate.ts'
import { type Fields, fields, hostileFields, hostileQueries, hostileSegments, queries, segments } from './spellings.ts'

export interface Pick {
  below(count: number): number
  one<T>(list: readonly T[]): T
  chance(of: number): boolean
  /** A hostile one now and then. */
  either<T>(plain: readonly T[], hostile: readonly T[]): T
}

/** So small that most requests pass with what is hostile in them. */
export const hostileShare = 0.1

export function createPick(seed: number): Pick {
  const random = createRandom(seed)
  const below = (count: number) => Math.floor(random() * count)
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T
  const chance = (of: number) => random() < of
  return { below, one, chance, either: (plain, hostile) => one(chance(hostileShare) ? hostile : plain) }
}

/** Path and query. */
export function targetOf({ below, chance, either }: Pick): string {
  const path = Array.from({ length: below(4) }, () => either(segments, hostileSegments)).join('/')
  const query = chance(0.4) ? `?${either(queries, hostileQueries)}` : ''
  return `/${path}${chance(0.2) ? '/' : ''}${query}`
}

export function fieldsOf({ below, either }: Pick): Fields {
  return Array.from({ length: below(6) }, () => either(fields, hostileFields))
}
