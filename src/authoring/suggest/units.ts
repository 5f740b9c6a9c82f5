/** The fewest single permissions (an action on a pattern at a place) that cover every use. */
import { globCovers, markForms } from '../../canonical/index.ts'
import type { Place, Use } from './observe.ts'
import { addSeen, type Seen } from './seen.ts'
import { mergeSiblings } from './siblings.ts'

export interface Unit {
  readonly place: Place
  readonly action: string
  readonly pattern: string
  readonly seen: Seen
}

/** Taking any unit away leaves some use uncovered. */
export function unitsOf(uses: readonly Use[], maxSiblings: number): readonly Unit[] {
  const visible = new Set(uses.flatMap(({ place }) => (place.kind === 'network' && place.tls !== 'tunnel' ? [endpointOf(place)] : [])))
  // A tunnel is opened by any capability that allows a request inside it.
  const isTunnelInUse = ({ place }: Use) => place.kind === 'network' && place.tls === 'tunnel' && visible.has(endpointOf(place))
  const units = [
    ...Map.groupBy(
      uses.filter((use) => !isTunnelInUse(use)),
      ({ place }) => JSON.stringify(place),
    ).values(),
  ].flatMap((group) => unitsOfPlace(group, maxSiblings))
  const needed = [...Map.groupBy(units, rivalsKey).values()].flatMap(neededOf)
  return addTunnels(needed, uses.filter(isTunnelInUse))
}

function unitsOfPlace(uses: readonly Use[], maxSiblings: number): Draft[] {
  const merged = mergeSiblings(new Set(uses.map(({ pattern }) => pattern)), maxSiblings)
  const drafts = new Map<string, Draft>()
  for (const { place, action, pattern: used, example, seen } of uses) {
    const { pattern, siblings } = merged.get(used) ?? { pattern: used, siblings: 0 }
    const key = `${action} ${pattern}`
    const draft = drafts.get(key) ?? { place, action, pattern, covered: [] }
    draft.covered.push({ example, websocket: allowsWebSockets(place), seen: { ...seen, siblings } })
    drafts.set(key, draft)
  }
  return [...drafts.values()]
}

interface Covered {
  readonly example: string
  readonly websocket: boolean
  readonly seen: Seen
}

interface Draft {
  readonly place: Place
  readonly action: string
  readonly pattern: string
  readonly covered: Covered[]
}

/** Only units that agree in all of this can replace one another; `*` matches one segment, so the number of segments is part of it. */
function rivalsKey({ place, action, pattern }: Draft): string {
  const about = place.kind === 'files' ? place : { ...place, websocket: null }
  return JSON.stringify([about, action, pattern.split('/').length])
}

/** One that is covered by the rest goes, the plainest first; what it covered is counted where it is covered now. */
function neededOf(drafts: readonly Draft[]): Unit[] {
  const plainestFirst = drafts.toSorted((a, b) => wildness(a) - wildness(b))
  const kept = new Set<Draft>(plainestFirst)
  const general = createCoveringPatterns<Draft>()
  for (const unit of plainestFirst) if (wildness(unit) > 0) general.add(spelledFor(unit, unit.pattern), unit)
  const coveringOf = (draft: Draft, { example, websocket }: Covered) =>
    general.find(spelledFor(draft, example), (other) => other !== draft && kept.has(other) && (!websocket || allowsWebSockets(other.place)))
  for (const draft of plainestFirst) {
    const covering = draft.covered.map((unit) => coveringOf(draft, unit))
    if (covering.includes(undefined)) continue
    kept.delete(draft)
    for (const [index, other] of covering.entries()) other?.covered.push(draft.covered[index] as Covered)
  }
  return [...kept].map(({ place, action, pattern, covered }) => ({
    place,
    action,
    pattern,
    seen: covered.map(({ seen }) => seen).reduce(addSeen),
  }))
}

/** In HTTP paths, `*` does not match encoded slashes and empty segments. */
function spelledFor({ place }: Draft, pattern: string): string {
  return place.kind === 'files' ? pattern : markForms(pattern)
}

/** A unit that allows WebSockets allows plain requests too: it is the wider unit of the same pattern. */
function wildness({ place, pattern }: Draft): number {
  return (pattern.match(/\*/g)?.length ?? 0) * 2 + (allowsWebSockets(place) ? 1 : 0)
}

function allowsWebSockets(place: Place): boolean {
  return place.kind !== 'files' && place.websocket
}

function addTunnels(units: readonly Unit[], tunnels: readonly Use[]): readonly Unit[] {
  const waiting = new Map(tunnels.map(({ place, seen }) => [endpointOf(place), seen]))
  return units.map((unit) => {
    const seen = waiting.get(endpointOf(unit.place))
    if (seen === undefined || (unit.place.kind === 'network' && unit.place.tls === 'tunnel')) return unit
    waiting.delete(endpointOf(unit.place))
    return { ...unit, seen: addSeen(unit.seen, seen) }
  })
}

function endpointOf(place: Place): string {
  return place.kind === 'network' ? `${place.host} ${place.port}` : ''
}

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
