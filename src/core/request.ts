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
  /** Puts a body that arrived together with its head into `whole`, so that it can be sent twice; answers whether it did. */
  arrived(): Promise<boolean>
  /**
   * From now on `meter`, which is a `Meter.sent`, is asked before each chunk that goes to the destination. `onRead` is given each chunk
   * of a body that is not whole, once, and `null` behind its last one.
   */
  watch(meter: (bytes: number) => Slowed | null, onRead?: (chunk: Uint8Array | null) => void): void
  /** Asks the meter for bytes that are sent without `chunks`: all of a whole body, which is counted once. `null`: they may pass. Otherwise nothing was counted: send them through `chunks`, which slows them. */
  count(bytes: number): Slowed | null
  /** The chunks, once; those of a whole body again as often as they are sent, counted once. Throws `Refusal('payload-too-large')` past `maxBytes`. */
  chunks(maxBytes: number): AsyncIterable<Uint8Array>
  /** What followed its last chunk (RFC 9110 §6.5): nothing that was judged, and nothing that may decide anything. */
  trailers?(): HeaderList
}

/** A body that the policy may look at. */
export interface JudgedBody extends RequestBody {
  /** Reads it into `whole`, from where it is sent on later. Throws `Refusal('payload-too-large')` past `maxBytes`. */
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
  /** It asks for a WebSocket: then `method` is GET, over HTTP/2 as well. */
  readonly websocket?: true
}

export interface HttpRequest extends Common {
  readonly kind: 'http'
  readonly action: string
  readonly target: HttpTarget
  /** End-to-end headers only, without those that Connection names; Host is the judged authority. */
  readonly headers: HeaderList
  readonly body: JudgedBody | null
  /** It came over HTTP/2, and its origin is asked in HTTP/2 if it speaks that: gRPC knows nothing else. */
  readonly isHttp2?: boolean
  /** It carries gRPC, whose origins speak HTTP/2 without being asked. */
  readonly isGrpc?: boolean
  /** Max-Forwards is used up: the gateway answers in the origin's place (RFC 9110 §7.6.2). */
  readonly isLastHop: boolean
}

/** CONNECT. */
export interface TunnelRequest extends Common {
  readonly kind: 'tunnel'
  readonly action: 'CONNECT'
  readonly target: { readonly host: string; readonly port: number }
  /** Identifies the caller again, by what the CONNECT carried and the manifests in force; as `Arrival.identify`. */
  readonly identify: () => Identified | null
  /** As `Arrival.selfUrl`, for the requests inside. */
  readonly selfUrl: string | null
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

/** Preconditions of a request for a file (RFC 9110 §13.1); `null` where one is not given. Times are milliseconds since the epoch. */
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
  /** HEAD: only the headers are wanted. */
  readonly head: boolean
  readonly body: RequestBody | null
}

/** The broker's questions about the caller itself; answered without touching anything. */
export interface SelfRequest extends Common {
  readonly kind: 'self'
  readonly action: 'read'
  readonly target: Readonly<Record<string, never>>
}

/** The addresses of a name; only policies ask for them (`net.lookup_ip_addr`). */
export interface LookupRequest extends Common {
  readonly kind: 'lookup'
  readonly action: 'resolve'
  /** Canonical, as in `HttpTarget`. */
  readonly target: { readonly host: string }
}

export type AccessRequest = HttpRequest | TunnelRequest | ServiceRequest | FileRequest | SelfRequest | LookupRequest
export type ResourceKind = AccessRequest['kind']
export const resourceKinds = ['http', 'tunnel', 'service', 'file', 'self', 'lookup'] as const satisfies readonly ResourceKind[]

/** The value of Content-Type, as it was sent. */
export function contentTypeIn(headers: HeaderList): string | null {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (name.length === 12 && name.toLowerCase() === 'content-type') return headers[i + 1] as string
  }
  return null
}
