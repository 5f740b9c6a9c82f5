/** Chance that is the same for the same seed. */

export interface Random {
  (): number
  between(least: number, most: number): number
  /** As between, where a factor counts and not a difference. */
  scaled(least: number, most: number): number
  whole(least: number, most: number): number
  pick<T>(of: readonly T[]): T
  normal(): number
  poisson(mean: number): number
  fork(name: string): Random
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
  return Object.assign(next, {
    between: (least: number, most: number) => least + (most - least) * next(),
    scaled: (least: number, most: number) => least * (most / least) ** next(),
    whole: (least: number, most: number) => Math.floor(least + (most + 1 - least) * next()),
    pick: <T>(of: readonly T[]) => of[Math.floor(next() * of.length)] as T,
    normal,
    poisson(mean: number) {
      if (mean <= 0) return 0
      if (mean > 40) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()))
      let product = next()
      let count = 0
      for (const floor = Math.exp(-mean); product > floor; product *= next()) count++
      return count
    },
    fork: (name: string) =>
      createRandom([...name].reduce((mixed, letter) => Math.imul(mixed ^ letter.charCodeAt(0), 0x01000193), seed ^ 0x811c9dc5)),
  })
}
