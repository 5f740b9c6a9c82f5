/** What is measured of names and paths. */

/** Longer texts are told apart by their beginning and their length: what a caller sends costs no more than this. */
const maxHashed = 512

/** FNV-1a; `seed` keeps callers from making texts of one hash. 32 bits, unsigned. */
export function hashText(text: string, seed: number): number {
  let hash = (2166136261 ^ seed ^ text.length) >>> 0
  const length = Math.min(text.length, maxHashed)
  for (let index = 0; index < length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 16777619)
  return hash >>> 0
}

/** Shannon’s, in bits per character, of the longest label; data that is smuggled out in names makes it high. 0 of an address. */
export function labelEntropy(host: string): number {
  if (host.includes(':') || /^[\d.]+$/.test(host)) return 0
  const longest = host.split('.').reduce((best, label) => (label.length > best.length ? label : best), '')
  const counts = new Map<string, number>()
  for (const character of longest) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / longest.length) * Math.log2(count / longest.length)
  return bits
}
