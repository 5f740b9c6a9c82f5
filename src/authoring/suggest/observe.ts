/** What an integration was recorded asking for, each thing once, with how often and when. */
import { patternOfPath } from '../../canonical/index.ts'
import { filePattern, hostPattern, pathPattern } from '../../manifests/index.ts'
import type { DecidedRecord } from '../../policy/index.ts'
import { addSeen, type Seen, seenOnce } from './seen.ts'
import { generaliseIds } from './siblings.ts'

/** What a capability is about. */
export type Place =
  | {
      readonly kind: 'network'
      readonly host: string
      readonly port: number
      readonly tls: 'none' | 'tunnel' | 'intercept'
      readonly websocket: boolean
    }
  | { readonly kind: 'services'; readonly name: string; readonly websocket: boolean }
  | { readonly kind: 'files'; readonly name: string }

/** One action on one path, ids in it generalised. */
export interface Use {
  readonly place: Place
  /** A method or file action. */
  readonly action: string
  readonly pattern: string
  /** What must be covered: the pattern; the path itself where a manifest cannot spell it and the pattern says more. */
  readonly example: string
  seen: Seen
}

export interface Observed {
  readonly uses: readonly Use[]
  readonly total: Seen | null
  /** Why a record is not covered → how many. */
  readonly left: ReadonlyMap<string, number>
}

export async function observe(records: AsyncIterable<DecidedRecord> | Iterable<DecidedRecord>): Promise<Observed> {
  const uses = new Map<string, Use>()
  const left = new Map<string, number>()
  let total: Seen | null = null
  for await (const record of records) {
    // Each integration that has a manifest may ask about itself.
    if (record.kind === 'self') continue
    const seen = seenOnce(record)
    total = total === null ? seen : addSeen(total, seen)
    const use = useOf(record)
    if (typeof use === 'string') {
      left.set(use, (left.get(use) ?? 0) + 1)
      continue
    }
    const key = JSON.stringify([use.what.place, use.what.action, use.what.example])
    const known = uses.get(key)
    if (known === undefined) uses.set(key, { ...use.what, seen: { ...seen, ids: use.ids } })
    else known.seen = addSeen(known.seen, seen)
  }
  return { uses: [...uses.values()], total, left }
}

interface Found {
  readonly what: Omit<Use, 'seen'>
  readonly ids: boolean
}

/** Nothing of a log is taken on trust: a manifest gets only what its schema would let an author write. Else why it is left out. */
function useOf({ kind, action, subject }: DecidedRecord): Found | string {
  const { scheme, host, port, path, root, name, websocket } = subject
  if (kind === 'http' || kind === 'tunnel') {
    if (!isHost(host) || !isPort(port)) return 'no manifest can name their destination'
    if (kind === 'tunnel')
      return {
        what: { place: { kind: 'network', host, port, tls: 'tunnel', websocket: false }, action: 'CONNECT', pattern: '', example: '' },
        ids: false,
      }
    if (scheme !== 'http' && scheme !== 'https') return 'no manifest can name their destination'
    const tls = scheme === 'https' ? 'intercept' : 'none'
    return withPath({ kind: 'network', host, port, tls, websocket: websocket === true }, action, path)
  }
  if (kind === 'service') return isName(name) ? withPath({ kind: 'services', name, websocket: websocket === true }, action, path) : noName
  if (kind === 'file') return isName(root) ? withPath({ kind: 'files', name: root }, action, path) : noName
  return 'this version knows nothing of their kind'
}

const [hostSchema, pathSchema, fileSchema] = [hostPattern(), pathPattern(), filePattern()]
const noName = 'no manifest can name what they ask for'
const methodShape = /^[A-Z][A-Z0-9_-]{0,31}$/
const fileAction = /^(?:stat|list|read|write)$/
const nameShape = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const cutMark = '…[cut]'

function withPath(place: Place, action: string, path: unknown): Found | string {
  if (!(place.kind === 'files' ? fileAction : methodShape).test(action)) return 'no manifest can name their method'
  if (typeof path !== 'string' || path.endsWith(cutMark)) return 'their path was cut in the log'
  const exact = patternOfPath(path)
  const pattern = generaliseIds(exact)
  return (place.kind === 'files' ? fileSchema : pathSchema).safeParse(pattern).success
    ? { what: { place, action, pattern, example: exact === path ? pattern : path }, ids: pattern !== exact }
    : 'no manifest can spell their path'
}

function isHost(host: unknown): host is string {
  if (typeof host !== 'string' || host.includes('*')) return false
  const parsed = hostSchema.safeParse(host)
  return parsed.success && parsed.data === host
}

function isPort(port: unknown): port is number {
  return Number.isInteger(port) && (port as number) >= 1 && (port as number) <= 65535
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && nameShape.test(name)
}
