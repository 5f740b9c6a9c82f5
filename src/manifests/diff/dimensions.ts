/** A capability as lists of what it allows, one list per dimension: it allows their product. */
import { globCovers, hostCovers, pathCovers, queryCovers } from '../../canonical/index.ts'
import {
  type FileCapability,
  type FormChoices,
  type Integration,
  type MessageChoices,
  type NetworkCapability,
  type QueryConditions,
  type ServiceCapability,
  timeoutKeys,
} from '../../core/index.ts'

export type CapabilityKind = 'network' | 'services' | 'files'

export interface Dimension {
  /** One value of it, in words. */
  readonly label: string
  /** `null`: all. */
  readonly values: readonly string[] | null
  readonly covers: (general: string, specific: string) => boolean
}

/** A number that allows more the larger it is; `null` is the gateway’s default, which is not known here. */
export interface Bound {
  readonly label: string
  readonly value: number | null
}

export interface Scope {
  readonly kind: CapabilityKind
  /** Its place in the manifest. */
  readonly id: string
  /** What it is about: hosts, or a name. */
  readonly about: readonly string[]
  readonly dimensions: readonly Dimension[]
  readonly bounds: readonly Bound[]
  /** What is neither more nor less, but another thing. */
  readonly facts: Readonly<Record<string, string>>
}

export function scopesOf({ network, services, files }: Integration): readonly Scope[] {
  return [...network.map(networkScope), ...services.map(serviceScope), ...files.map(fileScope)]
}

const same = (general: string, specific: string) => general === specific

function networkScope(capability: NetworkCapability): Scope {
  const { id, hosts, ports, methods, paths, websocket, tls, addresses, timeoutMs, maxRequestBytes, maxReplyBytes } = capability
  return {
    kind: 'network',
    id,
    about: hosts,
    dimensions: [
      { label: 'host', values: hosts, covers: hostCovers },
      { label: 'port', values: ports.map(String), covers: same },
      { label: 'method', values: methods, covers: same },
      { label: 'path', values: paths, covers: pathCovers },
      queryOf(capability),
      formsOf(capability),
      upgradeOf(websocket),
      { label: 'address block', values: addresses, covers: same },
    ],
    bounds: [
      { label: 'timeout in ms', value: timeoutMs ?? null },
      ...timedBounds(capability),
      { label: 'request bytes', value: maxRequestBytes ?? null },
      { label: 'reply bytes', value: maxReplyBytes ?? null },
      ...messagesOf(capability),
    ],
    facts: { tls },
  }
}

function serviceScope(capability: ServiceCapability): Scope {
  const { id, name, methods, paths, websocket } = capability
  return {
    kind: 'services',
    id,
    about: [name],
    dimensions: [
      { label: 'method', values: methods, covers: same },
      { label: 'path', values: paths, covers: pathCovers },
      queryOf(capability),
      formsOf(capability),
      upgradeOf(websocket),
    ],
    bounds: [...timedBounds(capability), ...messagesOf(capability)],
    facts: {},
  }
}

function timedBounds({ timeouts = {}, retries }: NetworkCapability | ServiceCapability): readonly Bound[] {
  return [
    ...timeoutKeys.map((key) => ({ label: `${key.slice(0, -2)} timeout in ms`, value: timeouts[key] ?? null })),
    { label: 'attempts', value: retries?.attempts ?? 1 },
  ]
}

function messagesOf({ maxMessageBytes, messagesPerSecond }: MessageChoices): readonly Bound[] {
  return [
    { label: 'message bytes', value: maxMessageBytes ?? null },
    { label: 'messages per second', value: messagesPerSecond ?? null },
  ]
}

function upgradeOf(websocket = false): Dimension {
  return { label: 'upgrade', values: websocket ? ['WebSocket'] : [], covers: same }
}

/** All conditions are one value, since a request has to fulfil all of them. */
function queryOf({ query }: { readonly query?: QueryConditions }): Dimension {
  const read = (text: string) => JSON.parse(text) as QueryConditions
  return {
    label: 'query',
    values: query === undefined ? null : [JSON.stringify(query)],
    covers: (general, specific) => queryCovers(read(general), read(specific)),
  }
}

/** Of paths, those that are refused where nothing is chosen. */
function formsOf(choices: FormChoices): Dimension {
  const values = (['encodedSlash', 'emptySegments'] as const).filter((key) => choices[key] === 'literal').map((key) => `${key}: literal`)
  return { label: 'path with', values, covers: same }
}

function fileScope({ id, name, root, actions, paths, maxBytes }: FileCapability): Scope {
  return {
    kind: 'files',
    id,
    about: [name],
    dimensions: [
      { label: 'action', values: actions, covers: same },
      { label: 'path', values: paths, covers: globCovers },
    ],
    bounds: [{ label: 'bytes of a file', value: maxBytes }],
    facts: { root },
  }
}
