/** Attributes of spans: those of OpenTelemetry's semantic conventions for HTTP where there are some, and `sallyport.*` for what only this gateway knows. */
import type { Asked, Ended, JsonObject } from '../core/index.ts'
import { countAttribute, flagAttribute, numberAttribute, quote, textAttribute } from './json-text.ts'

/** Masks in texts from outside. */
export interface Mask {
  text(text: string): string
  query(query: string): string
}

/** Any other method is `_OTHER`: a name of a span is one of few. */
const knownMethods = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE'])

interface Target {
  readonly method: string | null
  readonly scheme: string | null
  readonly host: string | null
  readonly port: number | null
  readonly path: string | null
  readonly query: string
  /** Of what is behind the gateway's own doors. */
  readonly route: string | null
}

/** `{method} {route}`, as the conventions say; a destination's path has no route. */
export function spanName(ended: Ended): string {
  const { method, route } = targetOf(ended)
  const shown = shownMethod(method)
  return route === null ? shown : `${shown} ${route}`
}

export function shownMethod(method: string | null): string {
  return method !== null && knownMethods.has(method) ? method : 'HTTP'
}

/** Of the judged request; where there is no decision, of what the caller wrote. */
export function targetOf({ arrival, subject, decision }: Ended): Target {
  if (subject === null || decision === null) return askedTarget(arrival.asked?.() ?? null)
  const { scheme, host, port, method, path, query, name, root } = subject
  const plain = {
    method: textOf(method) ?? (arrival.door === 'connect' ? 'CONNECT' : (arrival.asked?.()?.method ?? null)),
    ...{ scheme: textOf(scheme), host: textOf(host), port: typeof port === 'number' ? port : null },
    ...{ path: textOf(path), query: textOf(query) ?? '' },
  }
  if (typeof name === 'string') return { ...plain, route: `/services/${name}` }
  if (typeof root === 'string') return { ...plain, route: `/v1/files/${root}` }
  return { ...plain, route: null }
}

function askedTarget(asked: Asked | null): Target {
  const { method = null, scheme = null, host = null, port = null, path = null, query = '' } = asked ?? {}
  return { method, scheme, host, port, path, query, route: null }
}

function textOf(value: JsonObject[string] | undefined): string | null {
  return typeof value === 'string' ? value : null
}

/** Of the span of the request as a whole. */
export function requestAttributes(ended: Ended, mask: Mask): string {
  const { arrival, who, decision, outcome } = ended
  const { status, problem, sentBytes, receivedBytes, breaker, isTakeover } = outcome
  const all = [
    ...targetAttributes(targetOf(ended), mask),
    countAttribute('http.response.status_code', status),
    textAttribute('network.peer.address', arrival.peer),
    textAttribute('sallyport.request.id', arrival.id),
    textAttribute('sallyport.door', arrival.door),
    countAttribute(isTakeover ? 'sallyport.bytes.sent' : 'http.request.body.size', sentBytes),
    countAttribute(isTakeover ? 'sallyport.bytes.received' : 'http.response.body.size', receivedBytes),
  ]
  if (arrival.peerPort !== undefined) all.push(countAttribute('network.peer.port', arrival.peerPort))
  if (arrival.parent !== undefined) all.push(textAttribute('sallyport.request.parent', arrival.parent))
  if (problem !== null) all.push(textAttribute('error.type', problem))
  else if (status >= 500) all.push(textAttribute('error.type', String(status)))
  if (who !== null)
    all.push(textAttribute('sallyport.integration', who.integration.name), textAttribute('sallyport.identity', who.identity))
  if (decision !== null) {
    all.push(
      flagAttribute('sallyport.decision.allow', decision.allow),
      textAttribute('sallyport.decision.rule', decision.rule),
      textAttribute('sallyport.policy.revision', decision.revision),
    )
    if (decision.capability !== null) all.push(textAttribute('sallyport.decision.capability', decision.capability))
    if (decision.reasons.length > 0) all.push(reasonsAttribute(decision.reasons, mask))
  }
  if (breaker !== null) all.push(textAttribute('sallyport.breaker.state', breaker))
  const { cpuMs = null, tokens = null } = outcome.cost ?? {}
  if (cpuMs !== null) all.push(numberAttribute('sallyport.cpu.time', cpuMs / 1000))
  if (tokens !== null)
    all.push(
      countAttribute('sallyport.tokens.requests', tokens.requests),
      countAttribute('sallyport.tokens.bytes_out', tokens.bytesOut),
      countAttribute('sallyport.tokens.bytes_in', tokens.bytesIn),
    )
  const { policyMs } = outcome.phases
  if (policyMs !== null) all.push(numberAttribute('sallyport.policy.duration', policyMs / 1000))
  return all.join(',')
}

/** Of the span of what a destination was asked. */
export function exchangeAttributes(ended: Ended, mask: Mask): string {
  const { outcome, origin } = ended
  const { connection, problem, status, retried } = outcome
  const all = targetAttributes(targetOf(ended), mask)
  if (connection !== null)
    all.push(textAttribute('network.peer.address', connection.address), countAttribute('network.peer.port', connection.port))
  if (problem === null) all.push(countAttribute('http.response.status_code', status))
  if (problem !== null) all.push(textAttribute('error.type', problem))
  else if (status >= 400) all.push(textAttribute('error.type', String(status)))
  if (retried.length > 0) all.push(countAttribute('http.request.resend_count', retried.length))
  if (origin !== null) all.push(textAttribute('sallyport.origin', origin))
  return all.join(',')
}

function targetAttributes({ method, scheme, host, port, path, query, route }: Target, mask: Mask): string[] {
  const all: string[] = []
  if (method !== null) {
    all.push(textAttribute('http.request.method', knownMethods.has(method) ? method : '_OTHER'))
    if (!knownMethods.has(method)) all.push(textAttribute('http.request.method_original', mask.text(method.slice(0, 64))))
  }
  if (scheme !== null) all.push(textAttribute('url.scheme', scheme))
  if (host !== null) all.push(textAttribute('server.address', masked(mask, host)))
  if (port !== null) all.push(countAttribute('server.port', port))
  if (path !== null) all.push(textAttribute('url.path', masked(mask, path)))
  if (query !== '') all.push(textAttribute('url.query', mask.query(query.slice(0, maxMaskedCharacters))))
  if (route !== null) all.push(textAttribute('http.route', route))
  return all
}

/** Nothing longer is masked: that reads each character several times. */
const maxMaskedCharacters = 64 * 1024

function masked(mask: Mask, text: string): string {
  return mask.text(text.slice(0, maxMaskedCharacters))
}

const maxReasons = 8
const maxReasonCharacters = 500

function reasonsAttribute(reasons: readonly string[], mask: Mask): string {
  const values = reasons.slice(0, maxReasons).map((reason) => `{"stringValue":${quote(mask.text(reason).slice(0, maxReasonCharacters))}}`)
  return `{"key":"sallyport.decision.reasons","value":{"arrayValue":{"values":[${values.join(',')}]}}}`
}
