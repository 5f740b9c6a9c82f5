/** One manifest's text as an Integration. */
import { basename, dirname, resolve } from 'node:path'
import { breakerFrom, ConfigError, decodeYaml, limitsFrom, timeoutsFrom } from '../config/index.ts'
import type {
  BreakerSettings,
  FileCapability,
  FormChoices,
  Integration,
  LimitSettings,
  MessageChoices,
  NetworkCapability,
  ServiceCapability,
} from '../core/index.ts'
import { identitySchema, type ManifestFile, manifestSchema, tlsOf } from './schema.ts'
import { telemetryFrom } from './telemetry.ts'
import { retriesFrom } from './timing.ts'

export interface ManifestDefaults {
  readonly limits: LimitSettings
  readonly breaker: BreakerSettings
}

/** Throws `ConfigError`. `file` is an absolute path. */
export function decodeManifest(file: string, text: string, defaults: ManifestDefaults): Integration {
  const given = decodeYaml({ file, text }, manifestSchema)
  const { redaction, telemetry } = given
  const network = (given.network ?? []).map(networkFrom)
  return {
    name: given.name,
    owner: given.owner,
    labels: given.labels ?? {},
    source: basename(file),
    tokenHashes: hashesOf(given.identity),
    network,
    services: (given.services ?? []).map(serviceFrom),
    files: (given.files ?? []).map((folder, index) => fileFrom(folder, index, dirname(file))),
    limits: limitsFrom(given.limits, defaults.limits),
    breaker: breakerFrom(given.breaker, defaults.breaker),
    redaction: { headers: lower(redaction?.headers), queryKeys: lower(redaction?.queryKeys), jsonKeys: lower(redaction?.jsonKeys) },
    ...(telemetry !== undefined && { telemetry: telemetryFrom(telemetry) }),
    // A client that is intercepted trusts the gateway's CA.
    denials: given.denials ?? (network.some(({ tls }) => tls === 'intercept') ? 'inside' : 'connect'),
  }
}

/** Who a manifest is of, and by which tokens it is known. */
export type ManifestIdentity = Pick<Integration, 'name' | 'tokenHashes'>

/** Of a manifest with something wrong elsewhere; `null` where this is what cannot be read. */
export function decodeIdentity(file: string, text: string): ManifestIdentity | null {
  try {
    const { name, identity } = decodeYaml({ file, text }, identitySchema)
    return { name, tokenHashes: hashesOf(identity) }
  } catch (error) {
    if (error instanceof ConfigError) return null
    throw error
  }
}

function hashesOf(identity: ManifestFile['identity']): readonly Buffer[] {
  return (identity?.tokens ?? []).map(({ sha256 }) => Buffer.from(sha256, 'hex'))
}

type Given<Key extends 'network' | 'services' | 'files'> = NonNullable<ManifestFile[Key]>[number]

function networkFrom(given: Given<'network'>, index: number): NetworkCapability {
  const tls = tlsOf(given)
  return {
    id: `network/${index}`,
    hosts: given.hosts,
    ports: given.ports ?? [tls === 'none' ? 80 : 443],
    methods: given.methods ?? null,
    paths: given.paths ?? null,
    ...(given.query !== undefined && { query: given.query }),
    ...choicesFrom(given),
    ...(given.websocket === true && { websocket: true }),
    ...messagesFrom(given),
    tls,
    addresses: given.addresses ?? [],
    ...(given.timeout !== undefined && { timeoutMs: given.timeout }),
    ...(given.timeouts !== undefined && { timeouts: timeoutsFrom(given.timeouts) }),
    ...(given.retries !== undefined && { retries: retriesFrom(given.retries) }),
    ...(given.maxRequest !== undefined && { maxRequestBytes: given.maxRequest }),
    ...(given.maxReply !== undefined && { maxReplyBytes: given.maxReply }),
  }
}

function serviceFrom(given: Given<'services'>, index: number): ServiceCapability {
  return {
    id: `services/${index}`,
    name: given.name,
    methods: given.methods ?? null,
    paths: given.paths ?? null,
    ...(given.query !== undefined && { query: given.query }),
    ...choicesFrom(given),
    websocket: given.websocket ?? false,
    ...(given.timeouts !== undefined && { timeouts: timeoutsFrom(given.timeouts) }),
    ...(given.retries !== undefined && { retries: retriesFrom(given.retries) }),
    ...messagesFrom(given),
  }
}

function messagesFrom({ maxMessage, messagesPerSecond }: Given<'network'> | Given<'services'>): MessageChoices {
  return { ...(maxMessage !== undefined && { maxMessageBytes: maxMessage }), ...(messagesPerSecond !== undefined && { messagesPerSecond }) }
}

/** `refuse` is the default, written out. */
function choicesFrom({ encodedSlash, emptySegments }: Given<'network'> | Given<'services'>): FormChoices {
  return { ...(encodedSlash === 'literal' && { encodedSlash }), ...(emptySegments === 'literal' && { emptySegments }) }
}

function fileFrom(given: Given<'files'>, index: number, folder: string): FileCapability {
  const { name, root, actions, paths = null, maxBytes = 64 * 1024 * 1024 } = given
  return { id: `files/${index}`, name, root: resolve(folder, root), actions, paths, maxBytes }
}

function lower(names: readonly string[] | undefined): readonly string[] {
  return (names ?? []).map((name) => name.toLowerCase())
}
