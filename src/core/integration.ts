/** An integration as its manifest declares it, defaults filled in. Units are in the names. */
import type { Retries, Timeouts } from './decision.ts'
import type { TraceparentMode } from './trace-context.ts'

/** What a capability says of paths that origins read in two ways: this origin takes the form literally. Absent: such a path is refused. */
export interface FormChoices {
  readonly encodedSlash?: 'literal'
  readonly emptySegments?: 'literal'
}

/** By key of the query, the values that it may have: each that is given must be among them, and one must be given. An empty list: the key may not be there. */
export type QueryConditions = Readonly<Record<string, readonly string[]>>

/** How long the exchanges of a capability may take, and when they are tried again. */
interface Timed {
  readonly timeouts?: Timeouts
  readonly retries?: Retries
}

/** Bounds of WebSockets that differ from the gateway's. */
export interface MessageChoices {
  readonly maxMessageBytes?: number
  readonly messagesPerSecond?: number
}

/** A set of hosts and what may be done there. */
export interface NetworkCapability extends FormChoices, MessageChoices, Timed {
  /** `network/0`, `network/1`, …: its place in the manifest, named in decisions and records. */
  readonly id: string
  /** Canonical names or addresses; `*.example.com` is every name below example.com but not the apex; `*` is every name and no address. */
  readonly hosts: readonly string[]
  readonly ports: readonly number[]
  /** Upper case; `null` allows every method. */
  readonly methods: readonly string[] | null
  /** Globs over the canonical path: `*` one segment (or a part of it), `**` any number; `null` allows every path. */
  readonly paths: readonly string[] | null
  /** Absent: every query is allowed. */
  readonly query?: QueryConditions
  /** WebSockets are allowed, beside plain requests. */
  readonly websocket?: true
  /** `none`: plain HTTP. `tunnel`: TLS passes unseen. `intercept`: TLS is terminated and each request judged. */
  readonly tls: 'none' | 'tunnel' | 'intercept'
  /** CIDR blocks outside the public internet that a name here may resolve to. */
  readonly addresses: readonly string[]
  /** Overrides of the gateway's defaults; absent means the default. */
  readonly timeoutMs?: number
  readonly maxRequestBytes?: number
  readonly maxReplyBytes?: number
}

/** A named service of the gateway's configuration, and what may be asked of it. */
export interface ServiceCapability extends FormChoices, MessageChoices, Timed {
  readonly id: string
  readonly name: string
  readonly methods: readonly string[] | null
  readonly paths: readonly string[] | null
  /** Absent: every query is allowed. */
  readonly query?: QueryConditions
  /** WebSockets are allowed, beside plain requests. */
  readonly websocket: boolean
}

export const fileActions = ['stat', 'list', 'read', 'write'] as const
export type FileAction = (typeof fileActions)[number]

/** A folder of the host, under a name that the integration uses. */
export interface FileCapability {
  readonly id: string
  /** The name in `/v1/files/<name>/…`. */
  readonly name: string
  /** Absolute path on the host. Never shown to the integration. */
  readonly root: string
  readonly actions: readonly FileAction[]
  /** Globs over the path below the root, `/` separated, no leading slash; `null` allows every path. */
  readonly paths: readonly string[] | null
  readonly maxBytes: number
}

export interface BucketSettings {
  /** Tokens per second. */
  readonly rate: number
  /** Tokens in a full bucket. */
  readonly burst: number
}

export interface LimitSettings {
  /** Every arrival, refused ones included. */
  readonly arrivals: BucketSettings
  readonly requests: BucketSettings
  /** From the integration to the destination. */
  readonly bytesOut: BucketSettings
  /** From the destination to the integration. */
  readonly bytesIn: BucketSettings
  /** Requests, tunnels and WebSockets open at the same time. */
  readonly concurrency: number
  /** Connections to the gateway at the same time, idle ones included. */
  readonly connections: number
}

export interface BreakerSettings {
  /** Failures among the window's requests that open it, in percent. */
  readonly errorThresholdPercent: number
  /** Requests in the window before it may open. */
  readonly minimumRequests: number
  readonly windowMs: number
  /** How long it stays open before one trial request. */
  readonly resetMs: number
}

export interface RedactionSettings {
  /** Beyond the built-in ones; lower case. */
  readonly headers: readonly string[]
  readonly queryKeys: readonly string[]
  readonly jsonKeys: readonly string[]
}

export interface TelemetrySettings {
  /** Absent: the gateway's. */
  readonly traceparent?: TraceparentMode
  /** Its replies say in `Server-Timing` how long the stations took. */
  readonly serverTiming?: true
}

export interface Integration {
  readonly name: string
  /** Name of the integration whose request is being decided, where its rules make external calls: each such integration has a share of its own. */
  readonly askedFor?: string
  readonly owner: string
  readonly labels: Readonly<Record<string, string>>
  /** The manifest's file name (no folder), for messages. */
  readonly source: string
  /** SHA-256 of each proxy token, 32 bytes. */
  readonly tokenHashes: readonly Buffer[]
  readonly network: readonly NetworkCapability[]
  readonly services: readonly ServiceCapability[]
  readonly files: readonly FileCapability[]
  readonly limits: LimitSettings
  readonly breaker: BreakerSettings
  readonly redaction: RedactionSettings
  readonly telemetry?: TelemetrySettings
  /** Where a refused CONNECT is answered: inside its tunnel, as the reply to the request there, or itself. */
  readonly denials: 'inside' | 'connect'
}

/** The key of its buckets, breakers and connections. */
export function shareOf({ name, askedFor }: Integration): string {
  return askedFor === undefined ? name : `${name} for ${askedFor}`
}
