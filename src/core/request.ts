/** A request after parsing and canonicalisation: what is judged, and exactly what is forwarded. */
import type { DoorName, Hangup, Identified, IdentityKind } from './caller.ts'
import type { FileAction, Integration } from './integration.ts'
import type { Slowed } from './slowed.ts'

/** Flat `[name, value, name, value, …]`, in order, duplicates kept, as undici and `writeHead` take it. */
export type HeaderList = readonly string[]

/** A request's body, not yet read unless the policy needed it. */
export interface RequestBody {
  /** What `Content-Length` declares; `null` for a chunked body. */
  readonly declaredBytes: number | null
  /** The whole body where the policy needed it, else `null`. */
  readonly whole: Buffer | null
  /** Takes the whole of a body that came along with its head into `whole`, so that it can be sent again; says whether it did. */
  arrived(): Promise<boolean>
  /** From now on `meter` is asked before each chunk that goes to the destination; as `Meter.sent`. */
  watch(meter: (bytes: number) => Slowed | null): void
  /** Asks for bytes that pass by another way than `chunks`. `null`: they may. Else nothing was counted, and `chunks` has them pass slowly. */
  count(bytes: number): Slowed | null
  /** The chunks, once. Throws `Refusal('payload-too-large')` past `maxBytes`. */
  chunks(maxBytes: number): AsyncIterable<Uint8Array>
}

/** A body that the policy may look at. */
export interface JudgedBody extends RequestBody {
  /** Reads it into `whole`, and leaves it to be sent on all the same. Throws `Refusal('payload-too-large')` past `maxBytes`. */
  buffer(maxBytes: number): Promise<Buffer>
}

interface Common {
  readonly id: string
  readonly door: DoorName
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly integration: Integration
  readonly identity: IdentityKind
  readonly hangup: Hangup
}

/** The parts of an HTTP request that were judged. `url` = path + query, canonical, is what is sent. */
export interface HttpTarget {
  readonly scheme: 'http' | 'https'
  /** Lower-case A-label name, dotted-quad IPv4, or IPv6 without brackets; no trailing dot. */
  readonly host: string
  readonly port: number
  readonly method: string
  /** Canonical, begins with `/`, no query; `*` for OPTIONS of the server as a whole (RFC 9112 §3.2.4). */
  readonly path: string
  /** Without the `?`; empty where there is none. */
  readonly query: string
}

export interface HttpRequest extends Common {
  readonly kind: 'http'
  readonly action: string
  readonly target: HttpTarget
  /** End-to-end headers only: hop-by-hop ones and those that Connection names are gone; Host is the judged authority. */
  readonly headers: HeaderList
  readonly body: JudgedBody | null
  /** The gateway answers in the origin's place (RFC 9110 §7.6.2). */
  readonly isLastHop: boolean
}

/** CONNECT. */
export interface TunnelRequest extends Common {
  readonly kind: 'tunnel'
  readonly action: 'CONNECT'
  readonly target: { readonly host: string; readonly port: number }
  /** Proves anew who asked, by what the CONNECT carried and the manifests in force; as `Arrival.identify`. */
  readonly identify: () => Identified | null
}

/** Where callers find named services: `/services/<name>/…`. */
export const servicePrefix = '/services/'

export interface ServiceTarget {
  readonly name: string
  readonly method: string
  /** Below the service, canonical, begins with `/`. */
  readonly path: string
  readonly query: string
  readonly websocket: boolean
}

export interface ServiceRequest extends Common {
  readonly kind: 'service'
  readonly action: string
  readonly target: ServiceTarget
  readonly headers: HeaderList
  readonly body: JudgedBody | null
  /** As in `HttpRequest`. */
  readonly isLastHop: boolean
}

/** `*`, or the tags with their quotes. */
export type EntityTags = '*' | readonly string[]

/** What the caller believes of the file; a write happens only while it is so (RFC 9110 §13.1). `null`: not said. Times are milliseconds since the epoch. */
export interface FileConditions {
  readonly ifMatch: EntityTags | null
  readonly ifNoneMatch: EntityTags | null
  readonly ifModifiedSince: number | null
  readonly ifUnmodifiedSince: number | null
}

export interface FileRequest extends Common {
  readonly kind: 'file'
  readonly action: FileAction
  readonly target: {
    /** The capability's name. */
    readonly root: string
    /** NFC, `/` separated, no leading slash, no `.` or `..` segment; empty for the root itself. */
    readonly path: string
  }
  readonly conditions: FileConditions
  /** Headers alone are wanted. */
  readonly head: boolean
  readonly body: RequestBody | null
}

/** The broker's questions about the caller itself; answered without touching anything. */
export interface SelfRequest extends Common {
  readonly kind: 'self'
  readonly action: 'read'
  readonly target: Readonly<Record<string, never>>
}

/** The addresses of a name; only policies ask (`net.lookup_ip_addr`). */
export interface LookupRequest extends Common {
  readonly kind: 'lookup'
  readonly action: 'resolve'
  /** Canonical, as in `HttpTarget`. */
  readonly target: { readonly host: string }
}

export type AccessRequest = HttpRequest | TunnelRequest | ServiceRequest | FileRequest | SelfRequest | LookupRequest
export type ResourceKind = AccessRequest['kind']
export const resourceKinds = ['http', 'tunnel', 'service', 'file', 'self', 'lookup'] as const satisfies readonly ResourceKind[]
