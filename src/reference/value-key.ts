/** Values in a form in which what the SDK hands over as JSON can be found again: members sorted, sets and arrays alike, numbers as doubles. */

/** Of JSON: equal for values that differ only in the order of members and items, or beyond what a double holds. */
export function keyOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(keyOf).sort().join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${keyOf(item)}`)
  return `{${members.sort().join()}}`
}

/** Of a call: the SDK shows its operands as JSON. */
export function callKey(name: string, operands: readonly unknown[]): string {
  return `${name}(${operands.map(keyOf).join()})`
}

export interface PlainValue {
  /** JSON as the SDK shows it: sets are arrays, keys are texts. */
  readonly value: unknown
  /** Some part of it has no JSON form: a set, or a key that is not a string. */
  readonly isBeyondJson: boolean
}

/** Reads OPA's text of a value: JSON, with `{1, 2}` and `set()` for sets, and any value as a key. Throws on other text. */
export function readValue(text: string): PlainValue {
  let at = 0
  let isBeyondJson = false

  const skip = () => {
    while (/\s/.test(text[at] ?? '')) at += 1
  }
  const has = (mark: string) => {
    skip()
    if (!text.startsWith(mark, at)) return false
    at += mark.length
    return true
  }
  const expect = (mark: string) => {
    if (!has(mark)) throw new SyntaxError(`a value of the policy has no ${mark} at ${at}`)
  }

  /** The items up to `end`, each with the value behind a colon where it has one. */
  function items(end: string): { item: unknown; member?: unknown }[] {
    const found: { item: unknown; member?: unknown }[] = []
    while (!has(end)) {
      if (found.length > 0) expect(',')
      const item = value()
      found.push(has(':') ? { item, member: value() } : { item })
    }
    return found
  }

  function value(): unknown {
    if (has('set()')) {
      isBeyondJson = true
      return []
    }
    if (has('[')) return items(']').map(({ item }) => item)
    if (has('{')) return braces(items('}'))
    const scalar = /"(?:[^"\\]|\\.)*"|[^\s,:\]}]+/y
    scalar.lastIndex = at
    const [found = ''] = scalar.exec(text) ?? []
    at += found.length
    return JSON.parse(found)
  }

  function braces(found: readonly { item: unknown; member?: unknown }[]): unknown {
    const isSet = found.length > 0 && found.every((member) => !('member' in member))
    isBeyondJson ||= isSet || found.some(({ item }) => typeof item !== 'string')
    if (isSet) return found.map(({ item }) => item)
    return Object.fromEntries(found.map(({ item, member }) => [typeof item === 'string' ? item : JSON.stringify(item), member]))
  }

  const read = value()
  skip()
  if (at < text.length) throw new SyntaxError(`unexpected text after a value of the policy at ${at}`)
  return { value: read, isBeyondJson }
}
