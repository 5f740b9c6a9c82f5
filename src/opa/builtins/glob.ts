/** `glob.match` of patterns in which nothing is special but `*` and `**`, in time that grows with pattern times text and no faster. */
import { LRUCache } from 'lru-cache'

/** Of code units: delimiters are single units here, and none is half of a character. */
interface Glob {
  /** The text before the first wildcard and after the last. */
  readonly prefix: string
  readonly suffix: string
  /** From the first wildcard to the last: literal units, `within` for `*`, `across` for `**`. Empty: the prefix is all. */
  readonly middle: readonly number[]
  readonly delimiters: string
}

const within = -1
const across = -2
/** Of patterns that are kept as they are understood; a caller may send each of them, and as long as its body may be. */
const maxKnownCharacters = 1024 * 1024
/** Longer patterns go to the library, which can be stopped. */
const longestWork = 1_000_000

/** The function takes values as text; `undefined`: not such a case. */
export function createGlobMatch(): (pattern: string, delimiters: string, text: string) => string | undefined {
  const known = new LRUCache<string, { readonly glob: Glob | null }>({
    maxSize: maxKnownCharacters,
    sizeCalculation: ({ glob }, key) => 64 + key.length + 8 * (glob?.middle.length ?? 0),
  })
  return (pattern, delimiters, text) => {
    const key = `${pattern}${delimiters}`
    let found = known.get(key)
    if (found === undefined) {
      found = { glob: globOf(pattern, delimiters) }
      known.set(key, found)
    }
    const { glob } = found
    if (glob === null || !text.startsWith('"')) return undefined
    const plain = text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1)
    return plain.length * glob.middle.length > longestWork ? undefined : String(matches(glob, plain))
  }
}

function globOf(pattern: string, delimiters: string): Glob | null {
  const between = delimitersOf(delimiters)
  if (between === null || !pattern.startsWith('"')) return null
  const text = JSON.parse(pattern) as string
  if (!text.isWellFormed() || /[?[\]{}\\]|\*{3}/.test(text)) return null
  const first = text.indexOf('*')
  if (first < 0) return { prefix: text, suffix: '', middle: [], delimiters: between }
  const last = text.lastIndexOf('*') + 1
  const middle = [...text.slice(first, last).matchAll(/\*\*|[\s\S]/g)].map(([token]) =>
    token === '**' ? across : token === '*' ? within : token.charCodeAt(0),
  )
  return { prefix: text.slice(0, first), suffix: text.slice(last), middle, delimiters: between }
}

/** As in OPA: an empty list means a dot, `null` means no delimiter. */
function delimitersOf(text: string): string | null {
  if (text === 'null') return ''
  if (text === '[]') return '.'
  if (!text.startsWith('["')) return null
  const list = listOf(text)
  return list?.every((item) => typeof item === 'string' && item.length === 1 && item.isWellFormed()) ? list.join('') : null
}

/** `null`: there is a set among its members, which JSON does not have. */
function listOf(text: string): readonly unknown[] | null {
  try {
    return JSON.parse(text) as unknown[]
  } catch {
    return null
  }
}

function matches({ prefix, suffix, middle, delimiters }: Glob, text: string): boolean {
  if (middle.length === 0) return text === prefix
  const end = text.length - suffix.length
  if (end < prefix.length || !text.startsWith(prefix) || !text.endsWith(suffix)) return false
  if (middle.length > 1) return walk(middle, text.slice(prefix.length, end), delimiters)
  if (middle[0] === within) for (let at = prefix.length; at < end; at += 1) if (delimiters.includes(text[at] as string)) return false
  return true
}

/** All places of the pattern at once that the text so far leads to. */
function walk(middle: readonly number[], text: string, delimiters: string): boolean {
  let here = new Uint8Array(middle.length)
  let there = new Uint8Array(middle.length)
  const reach = (places: Uint8Array, from: number) => {
    // A wildcard also matches an empty text.
    for (let place = from; place < middle.length; place += 1) {
      places[place] = 1
      if ((middle[place] as number) >= 0) break
    }
  }
  reach(here, 0)
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    const isDelimiter = delimiters.includes(text[at] as string)
    there.fill(0)
    for (const [place, token] of middle.entries()) {
      if (here[place] === 0) continue
      if (token === unit) reach(there, place + 1)
      else if (token === across || (token === within && !isDelimiter)) reach(there, place)
    }
    ;[here, there] = [there, here]
  }
  return here[middle.length - 1] === 1
}
