/** Single permissions put together into capabilities that allow exactly the same. */
import { addSeen, type Seen } from './seen.ts'
import type { Unit } from './units.ts'

/** Lists are sorted. */
export interface Suggested {
  readonly kind: 'network' | 'services' | 'files'
  /** Hosts; or the name of a service or root, alone. */
  readonly names: readonly string[]
  readonly ports: readonly number[]
  readonly tls: 'none' | 'tunnel' | 'intercept' | null
  readonly websocket: boolean
  /** `null`: a blind tunnel, whose content is not visible. */
  readonly actions: readonly string[] | null
  readonly paths: readonly string[] | null
  readonly addresses: readonly string[]
  readonly seen: Seen
}

/**
 * A capability allows each of its actions on each of its paths on each of its ports of each of its hosts, so only what
 * agrees in all the others is put into one list: paths by equal methods, then ports, then hosts.
 */
export function combine(units: readonly Unit[], addressesOf: (host: string) => readonly string[]): readonly Suggested[] {
  const single = units.map((unit) => suggestedOf(unit, addressesOf))
  const actions = join(single, 'actions')
  const paths = join(actions, 'paths')
  const ports = join(paths, 'ports')
  return join(ports, 'names').toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
}

function suggestedOf({ place, action, pattern, seen }: Unit, addressesOf: (host: string) => readonly string[]): Suggested {
  const blind = place.kind === 'network' && place.tls === 'tunnel'
  return {
    kind: place.kind,
    names: [place.kind === 'network' ? place.host : place.name],
    ports: place.kind === 'network' ? [place.port] : [],
    tls: place.kind === 'network' ? place.tls : null,
    websocket: place.kind !== 'files' && place.websocket,
    actions: blind ? null : [action],
    paths: blind ? null : [pattern],
    addresses: place.kind === 'network' ? addressesOf(place.host) : [],
    seen,
  }
}

type List = 'actions' | 'paths' | 'ports' | 'names'

/** Capabilities that differ only in this list become one. A service or root has one name. */
function join(all: readonly Suggested[], list: List): readonly Suggested[] {
  const alike = Map.groupBy(all, (item) => {
    const { seen: _seen, [list]: _list, ...rest } = item
    return JSON.stringify(list === 'names' && item.kind !== 'network' ? { ...rest, names: item.names } : rest)
  })
  return [...alike.values()].map((group) => ({
    ...(group[0] as Suggested),
    [list]: union(group.map((item) => item[list])),
    seen: group.map(({ seen }) => seen).reduce(addSeen),
  }))
}

/** `null` means all. */
function union(lists: readonly (readonly (string | number)[] | null)[]): readonly (string | number)[] | null {
  const all = new Set<string | number>()
  for (const list of lists) {
    if (list === null) return null
    for (const item of list) all.add(item)
  }
  return [...all].sort((item, other) => (item < other ? -1 : item > other ? 1 : 0))
}

function orderOf({ kind, names, tls, ports, paths }: Suggested): string {
  return JSON.stringify([['network', 'services', 'files'].indexOf(kind), names, ports, tls, paths])
}
