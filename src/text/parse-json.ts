/** JSON text of others as exactly the value that it says. */
import type { Json } from '../core/index.ts'
import { scanJson } from './scan-json.ts'

/** As JSON.parse has it; the third argument is ECMAScript's "JSON.parse source text access". */
export type Revive = (key: string, value: unknown, context?: { readonly source?: string }) => unknown

/**
 * JSON.parse of V8 12.8 and later reads some escaped keys as others that it met before (nodejs/node#63785): after
 * `{"x":1,"\\\\":2}` the key in `{"x":1,"\\"":2}` reads `\`. A caller that sends both shows the policy another body than the origin
 * reads. So a text with escaped keys is parsed with plain ones in their place. Throws what JSON.parse throws.
 */
export function parseJson(text: string, revive?: Revive): Json {
  const value = JSON.parse(text, revive) as Json
  return text.includes('\\') && hasEscapedKey(text) ? parseRenamed(text, revive) : value
}

/** `text` is valid JSON. Of a duplicate key the last one counts, as in JSON.parse. */
function parseRenamed(text: string, revive?: Revive): Json {
  // It cannot be guessed, so no sender can write a key that looks like a stand-in.
  const prefix = crypto.randomUUID()
  const names: string[] = []
  const parts: string[] = []
  let from = 0
  scanJson(text, {
    key(start, end) {
      parts.push(text.slice(from, start), `"${prefix}${names.length}"`)
      // A string alone is read correctly.
      names.push(JSON.parse(text.slice(start, end)) as string)
      from = end
    },
  })
  const renamed = parts.join('') + text.slice(from)
  const nameOf = (standIn: string) => names[Number(standIn.slice(prefix.length))] ?? ''
  return JSON.parse(renamed, (standIn, value: unknown, context?: { readonly source?: string }) => {
    const named =
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).map(([key, item]) => [nameOf(key), item]))
        : value
    return revive === undefined ? named : revive(standIn.startsWith(prefix) ? nameOf(standIn) : standIn, named, context)
  }) as Json
}

function hasEscapedKey(text: string): boolean {
  let found = false
  scanJson(text, {
    key(_start, _end, isEscaped) {
      found ||= isEscaped
    },
  })
  return found
}
