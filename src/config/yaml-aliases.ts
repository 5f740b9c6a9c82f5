/** Finds aliases of a YAML document that lead nowhere or in a circle, in one pass however many there are. */
import { type Document, isAlias, isNode, type Node, visit } from 'yaml'

export interface BadAlias {
  /** Its offset in the text. */
  readonly offset: number
  readonly why: string
  /** Most likely it is meant to be text that begins with `*`, such as a host or a path. */
  readonly isText: boolean
}

/** The first such alias; `null` where every alias refers to a complete value before it. */
export function badAlias(document: Document): BadAlias | null {
  const anchored = new Map<string, Node>()
  let found: BadAlias | null = null
  visit(document, {
    Node(_key, node, path) {
      if (!isAlias(node)) {
        if (node.anchor !== undefined) anchored.set(node.anchor, node)
        return undefined
      }
      const value = anchored.get(node.source)
      if (value !== undefined && !path.some((node) => isNode(node) && node === value)) return undefined
      const why = value === undefined ? 'an alias that stands before its anchor, or has none' : 'an alias inside its own anchor'
      found = { offset: node.range?.[0] ?? 0, why, isText: value === undefined && /[./*]/.test(node.source) }
      return visit.BREAK
    },
  })
  return found
}
