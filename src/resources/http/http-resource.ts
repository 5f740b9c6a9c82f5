/** The resource kind `http`: a request to an origin on the network. */
import {
  type Claim,
  type HttpRequest,
  type JsonObject,
  type Needs,
  Permit,
  pathForms,
  type Reply,
  type Resource,
} from '../../core/index.ts'
import type { Dialer } from '../egress/dial.ts'
import { bodyOf } from './body-facts.ts'
import { exchange } from './exchange.ts'
import { headersOf, queryOf, segmentsOf } from './facts.ts'
import { answerAsLastHop } from './last-hop.ts'
import type { Pools } from './pools.ts'
import { askServer } from './server-wide.ts'

export interface HttpResourceOptions {
  readonly pools: Pools
  readonly dialer: Dialer
  /** Until the head of the reply, where no obligation says otherwise. */
  readonly originTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxRequestBytes: number
  readonly maxReplyBytes: number
}

export function createHttpResource(options: HttpResourceOptions): Resource<HttpRequest> {
  return {
    kind: 'http',
    claim(request, needs) {
      return new HttpClaim(options, request, needs)
    },
  }
}

class HttpClaim implements Claim {
  readonly facts: Claim['facts']
  readonly subject: Claim['subject']
  readonly origin: string
  readonly #options: HttpResourceOptions
  readonly #request: HttpRequest

  constructor(options: HttpResourceOptions, request: HttpRequest, needs: Needs) {
    const { scheme, host, port, method, path, query } = request.target
    this.#options = options
    this.#request = request
    this.facts = httpFacts(request, needs)
    this.subject = query === '' ? { scheme, host, port, method, path } : { scheme, host, port, method, path, query }
    this.origin = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
  }

  perform(permit: Permit): Promise<Reply> | Reply {
    if (!Permit.isGenuine(permit)) throw new TypeError('an effect without a Permit')
    const { pools, dialer, originTimeoutMs, idleTimeoutMs, maxRequestBytes, maxReplyBytes } = this.#options
    const { target, headers, body, integration, hangup, isLastHop } = this.#request
    const { obligations } = permit.decision
    if (isLastHop) return answerAsLastHop(target)
    const allowed = obligations.addresses ?? []
    if (target.path === '*') {
      const to = { host: target.host, port: target.port, allowed }
      return askServer({
        request: this.#request,
        dial: () => (target.scheme === 'https' ? dialer.tls(to) : dialer.tcp(to)),
        timeoutMs: obligations.timeoutMs ?? originTimeoutMs,
        maxReplyBytes: obligations.maxReplyBytes ?? maxReplyBytes,
      })
    }
    return exchange({
      pool: pools.get(integration.name, this.origin, target.host, target.port, allowed),
      host: target.host,
      hangup,
      maxReplyBytes: obligations.maxReplyBytes ?? maxReplyBytes,
      request: {
        path: target.query === '' ? target.path : `${target.path}?${target.query}`,
        method: target.method,
        headers: headers as string[],
        // undici takes any async iterable; its type names only streams.
        body: body === null ? null : (body.chunks(obligations.maxRequestBytes ?? maxRequestBytes) as never),
        headersTimeout: obligations.timeoutMs ?? originTimeoutMs,
        bodyTimeout: idleTimeoutMs,
      },
    })
  }
}

/** `input.http`. Only what the policy can look at is computed. */
function httpFacts({ target, headers, body }: HttpRequest, needs: Needs): JsonObject {
  const { scheme, host, port, method, path } = target
  if (!needs.headers && !needs.body) return { scheme, host, port, method, path, ...pathForms(path) }
  return {
    scheme,
    host,
    port,
    method,
    path,
    ...pathForms(path),
    ...(needs.headers && { segments: segmentsOf(path), query: queryOf(target.query), headers: headersOf(headers) }),
    ...(needs.body && body !== null && { body: bodyOf(body, headers) }),
  }
}
