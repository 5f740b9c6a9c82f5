/** Values as a policy's memory writes them: JSON, sets (`{1,2}`, `set()`), keys that are no strings, numbers in any spelling. */

/** Stands in texts that are no UTF-8, and behind numbers that JSON does not have: neither is for a policy's memory. */
export const marked = '\ufffd'

/** Stands for a key that is no string, where sets are lists: what JSON makes of it is not compared. */
export const beyondJson = '~'

/** One spelling of each value: members in order, numbers without zeros and exponents. Throws on a text that is no value. */
export function canonicalValue(text: string): string {
  return readWhole(text, (reader) => reader.value())
}

/** Of a list: the spelling of each member. `areSetsLists`: as JSON has them, where the order of either is not known. */
export function canonicalMembers(text: string, areSetsLists = false): readonly string[] {
  return readWhole(text, (reader) => reader.members(']', reader.value), areSetsLists)
}

interface Reader {
  value(): string
  members(end: string, member: () => string): string[]
}

function readWhole<Result>(text: string, read: (reader: Reader) => Result, areSetsLists = false): Result {
  let at = 0
  const listOf = (items: readonly string[]) => `[${(areSetsLists ? items.toSorted() : items).join()}]`
  const setOf = (items: readonly string[]) => (areSetsLists ? listOf(items) : `<${items.join()}>`)

  function value(): string {
    const char = text[at]
    if (char === '"') return string()
    if (char === '[') return listOf(members(']', value))
    if (char === '{') return braces()
    // As this file itself spells a set.
    if (char === '<') return setOf(members('>', value))
    for (const word of ['set()', 'true', 'false', 'null'])
      if (text.startsWith(word, at)) {
        at += word.length
        return word === 'set()' ? setOf([]) : word
      }
    return number()
  }

  function token(pattern: RegExp): string {
    pattern.lastIndex = at
    const [found] = pattern.exec(text) ?? []
    if (found === undefined) throw new Error(`no value at ${at} of ${text.slice(Math.max(0, at - 100), at + 100)}`)
    at += found.length
    return found
  }

  const string = () => JSON.stringify(JSON.parse(token(/"(?:[^"\\]|\\.)*"/suy)))
  const number = () => canonicalNumber(token(/[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\ufffd?/y))

  function braces(): string {
    let isObject = text[at + 1] === '}'
    const list = members('}', () => {
      const first = value()
      if (text[at] !== ':') return first
      isObject = true
      skip()
      return `${areSetsLists && first[0] !== '"' ? beyondJson : first}:${value()}`
    }).sort()
    return isObject ? `{${list.join()}}` : setOf(list)
  }

  /** A comma or a colon, and the space behind it. */
  function skip(): void {
    at += text[at + 1] === ' ' ? 2 : 1
  }

  function members(end: string, member: () => string): string[] {
    const list: string[] = []
    at += 1
    while (text[at] !== end) {
      if (list.length > 0) skip()
      list.push(member())
    }
    at += 1
    return list
  }

  const whole = read({ value, members })
  if (at !== text.length) throw new Error(`trailing text at ${at} of ${text.slice(0, 200)}`)
  return whole
}

/** Digits without zeros at either end, and the power of ten of the last. */
function canonicalNumber(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = /^\+?(-?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?\ufffd?$/.exec(text) ?? []
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  const kept = digits.replace(/0+$/, '')
  const mark = text.endsWith(marked) ? marked : ''
  return kept === '' ? `0${mark}` : `${sign}${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}${mark}`
}
