/** Patterns found by what they cover, segment by segment: with ten thousand of them, asking each would take minutes. */
import { globCovers } from '../../canonical/index.ts'

interface Node<Item> {
  readonly items: Item[]
  readonly literal: Map<string, Node<Item>>
  /** By segments with a wildcard; these are few. */
  readonly wild: Map<string, Node<Item>>
}

export interface CoveringPatterns<Item> {
  add(pattern: string, item: Item): void
  /** The first whose pattern covers `path` and that is accepted. No pattern has a `**`: a `*` stays within its segment. */
  find(path: string, accept: (item: Item) => boolean): Item | undefined
}

export function createCoveringPatterns<Item>(): CoveringPatterns<Item> {
  const root = createNode<Item>()

  function findBelow(node: Node<Item>, segments: readonly string[], depth: number, accept: (item: Item) => boolean): Item | undefined {
    const segment = segments[depth]
    if (segment === undefined) return node.items.find(accept)
    for (const [pattern, child] of node.wild) {
      const found = globCovers(pattern, segment) ? findBelow(child, segments, depth + 1, accept) : undefined
      if (found !== undefined) return found
    }
    const literal = node.literal.get(segment)
    return literal === undefined ? undefined : findBelow(literal, segments, depth + 1, accept)
  }

  return {
    add(pattern, item) {
      let node = root
      for (const segment of pattern.split('/')) {
        const children = segment.includes('*') ? node.wild : node.literal
        const next = children.get(segment) ?? createNode<Item>()
        children.set(segment, next)
        node = next
      }
      node.items.push(item)
    },
    find: (path, accept) => findBelow(root, path.split('/'), 0, accept),
  }
}

function createNode<Item>(): Node<Item> {
  return { items: [], literal: new Map(), wild: new Map() }
}
