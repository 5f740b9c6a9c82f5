/** The resource kind `service`: a service that the operator named, with the headers that the gateway adds. */
import { judgedQueryOf, pathForms, segmentsOf } from '../../canonical/index.ts'
import { Claim, type Permit, type Progress, Refusal, type Reply, type Resource, type ServiceRequest } from '../../core/index.ts'
import type { Dialer } from '../../egress/index.ts'
import { headersOf, queryOf } from '../../text/index.ts'
import { boundsOf, type WebSocketBounds } from '../../websocket/index.ts'
import { capped } from '../byte-caps.ts'
import { shortestOf, withinTotal } from '../deadlines.ts'
import { answerAsLastHop, bodyOf } from '../http/index.ts'
import { createServiceProxy, type ServiceSettings } from './service-proxy.ts'

export interface ServiceResourceOptions {
  readonly services: readonly ServiceSettings[]
  readonly dialer: Dialer
  readonly maxRequestBytes: number
  readonly maxReplyBytes: number
  /** A reply without a byte for so long is cut. */
  readonly idleTimeoutMs: number
  readonly websockets: WebSocketBounds
}

export interface ServiceResource extends Resource<ServiceRequest> {
  /** Closes the integration's connections to services that wait for their next request; answers how many there were. */
  giveUpIdle(integration: string): number
}

export function createServiceResource({ services, dialer, ...defaults }: ServiceResourceOptions): ServiceResource {
  const proxies = new Map(services.map((service) => [service.name, createServiceProxy(service, dialer, defaults.idleTimeoutMs)]))
  const timeoutsOf = new Map(services.map(({ name, timeouts }) => [name, timeouts]))

  function perform({ request, decision }: Permit<ServiceRequest>, progress: Progress): Promise<Reply> | Reply {
    // The manifest allows a service that the operator has not configured.
    const proxy = proxies.get(request.target.name)
    if (proxy === undefined) throw new Refusal('not-found', `the gateway has no service "${request.target.name}"`)
    if (request.isLastHop) return answerAsLastHop(request.target)
    const { obligations } = decision
    const { timeoutMs, maxRequestBytes = defaults.maxRequestBytes, maxReplyBytes = defaults.maxReplyBytes } = obligations
    const { retries } = obligations
    const timeouts = shortestOf(timeoutsOf.get(request.target.name) ?? {}, obligations.timeouts ?? {})
    if (request.target.websocket) {
      // The upgrade happens in the takeover: nothing is sent before the record is durable.
      return {
        status: 101,
        headers: [],
        asksLater: true,
        takeover(caller, head, meter, opening) {
          const end = { caller, head, opening, meter: capped(meter, obligations), progress }
          return proxy.upgrade(request, { ...end, bounds: boundsOf(obligations, defaults.websockets), timeoutMs, timeouts })
        },
        discard: () => {},
      }
    }
    return withinTotal(timeouts.totalMs, request.hangup, (hangup) =>
      proxy.forward(request, progress, { hangup, timeouts, retries, maxRequestBytes, maxReplyBytes, timeoutMs }),
    )
  }

  return {
    kind: 'service',
    giveUpIdle: (integration) => [...proxies.values()].reduce((sum, proxy) => sum + proxy.giveUpIdle(integration), 0),
    claim(request, needs) {
      const { name, method, path, query, websocket } = request.target
      return Claim.of(request, perform, {
        facts: {
          name,
          method,
          path,
          ...pathForms(path),
          ...judgedQueryOf(request.integration, query),
          websocket,
          ...(needs.headers && { segments: segmentsOf(path), query: queryOf(query), headers: headersOf(request.headers) }),
          ...(needs.body && request.body !== null && { body: bodyOf(request.body, request.headers) }),
        },
        subject: query === '' ? { name, method, path, websocket } : { name, method, path, query, websocket },
        origin: `service:${name}`,
      })
    },
  }
}
