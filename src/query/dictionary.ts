/** The words of an index and their numbers: hosts come from outside, so that only the latest are kept in memory. */
import type { DatabaseSync } from 'node:sqlite'
import { LRUCache } from 'lru-cache'

const keptWords = 20_000

export interface Dictionary {
  /** Number of a word, which is added where it is new. */
  add(word: string): number
  /** 0 where no entry has it. */
  find(word: string): number
  text(number: number | null): string | null
  /** A transaction was rolled back: what it added is not there. */
  forget(): void
}

export function createDictionary(database: DatabaseSync): Dictionary {
  const numbers = new LRUCache<string, number>({ max: keptWords })
  const texts = new LRUCache<number, string>({ max: keptWords })
  const select = database.prepare('SELECT number FROM word WHERE text = ?')
  const insert = database.prepare('INSERT INTO word (text) VALUES (?)')
  const selectText = database.prepare('SELECT text FROM word WHERE number = ?')

  function find(word: string): number {
    const known = numbers.get(word)
    if (known !== undefined) return known
    const found = select.get(word)
    if (found === undefined) return 0
    numbers.set(word, found['number'] as number)
    return found['number'] as number
  }

  return {
    find,
    add(word) {
      const known = find(word)
      if (known !== 0) return known
      const number = Number(insert.run(word).lastInsertRowid)
      numbers.set(word, number)
      return number
    },
    text(number) {
      if (number === null) return null
      const known = texts.get(number)
      if (known !== undefined) return known
      const text = selectText.get(number)?.['text'] as string
      texts.set(number, text)
      return text
    },
    forget() {
      numbers.clear()
      texts.clear()
    },
  }
}
