/** The configuration as the gateway uses it: paths absolute, defaults filled in, secrets read. */
import type { BreakerSettings, LimitSettings, Timeouts } from '../core/index.ts'
import type { AdminConfig } from './admin-config.ts'
import type { AuditConfig } from './audit-config.ts'
import type { ContainmentConfig } from './containment-schema.ts'
import type { BundleConfig, ServerConfig } from './policy-config.ts'
import type { DecisionLogConfig, ReportPlace } from './report-schema.ts'
import type { StateFolder, TrustFolder } from './state-folder.ts'
import type { TelemetryConfig } from './telemetry-schema.ts'
import type { WatchConfig } from './watch-schema.ts'

export type DoorKind = 'proxy' | 'services' | 'broker'
export type Address =
  | { readonly host: string; readonly port: number }
  /** `gid`: `null` leaves the group as it is made. */
  | { readonly socket: string; readonly mode: number; readonly gid: number | null }

export interface ListenerConfig {
  readonly name: string
  readonly address: Address
  /** `null`: callers prove themselves by token. */
  readonly integration: string | null
  readonly doors: readonly DoorKind[]
}

export interface ServiceConfig {
  readonly name: string
  readonly url: URL
  /** Values are secrets. */
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  readonly timeoutMs: number
  readonly timeouts: Timeouts
  readonly addresses: readonly string[]
}

export interface HttpConfig {
  readonly maxHeaderBytes: number
  readonly http2: boolean
  /** Of a caller's connection in HTTP/2. */
  readonly maxStreams: number
  readonly headersTimeoutMs: number
  readonly keepAliveMs: number
  readonly maxConnections: number
  readonly maxUnidentifiedConnections: number
  readonly connectTimeoutMs: number
  readonly originTimeoutMs: number
  readonly idleTimeoutMs: number
  /** Bounds for what a caller still sends after the last reply of its connection. */
  readonly linger: { readonly timeoutMs: number; readonly maxBytes: number }
  readonly maxRequestBytes: number
  readonly maxReplyBytes: number
  readonly maxPolicyBodyBytes: number
  readonly maxPolicyBodiesBytes: number
  readonly originCaFile: string | null
  readonly dnsServers: readonly string[]
  /** How long answers of name servers are used. */
  readonly dns: {
    readonly minTtlMs: number
    readonly maxTtlMs: number
    readonly negativeTtlMs: number
    readonly staleMs: number
    readonly maxNames: number
  }
}

export interface WebSocketsConfig {
  readonly idleTimeoutMs: number
  readonly maxMessageBytes: number
  readonly messagesPerSecond: number
}

/** Which external calls rules may make. */
export interface GrantsConfig {
  readonly builtins: readonly string[]
  /** The integration whose manifest says what may be asked; `null` where nothing is. */
  readonly integration: string | null
  readonly timeoutMs: number
  readonly maxCalls: number
  readonly maxReplyBytes: number
}

export interface Config {
  readonly file: string
  readonly state: StateFolder
  /** Where clients find the CA: outside the state folder, or in it where `trust` is absent. */
  readonly trust: TrustFolder
  readonly integrationsFolder: string
  readonly listeners: readonly ListenerConfig[]
  readonly services: readonly ServiceConfig[]
  readonly policy: {
    readonly rulesFolder: string | null
    readonly maxMemoryPages: number
    readonly maxEvaluationMs: number
    readonly grants: GrantsConfig
    /** Rules that are evaluated beside the active rules. */
    readonly shadow: { readonly rulesFolder: string; readonly enforcePercent: number; readonly maxEvaluationMs: number } | null
    /** Decisions per second that are compared with OPA's own SDK; `null`: none, and activations are not compared either. */
    readonly reference: { readonly perSecond: number } | null
    readonly servers: readonly ServerConfig[]
    readonly bundles: readonly BundleConfig[]
    readonly labels: Readonly<Record<string, string>>
    /** `null`: decisions are sent nowhere. */
    readonly decisionLog: DecisionLogConfig | null
    /** `null`: the status of bundles is not reported. */
    readonly status: ReportPlace | null
  }
  readonly admin: AdminConfig
  readonly audit: AuditConfig
  readonly telemetry: TelemetryConfig
  readonly defaults: { readonly limits: LimitSettings; readonly breaker: BreakerSettings }
  readonly http: HttpConfig
  readonly websockets: WebSocketsConfig
  readonly containment: ContainmentConfig
  /** `null`: nothing is watched. */
  readonly watch: WatchConfig | null
  readonly drainTimeoutMs: number
  readonly log: { readonly level: string }
  /** Every secret that was read; the redactor keeps them out of all output. */
  readonly secrets: readonly string[]
}
