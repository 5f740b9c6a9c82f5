/** The services door: `/services/<name>/…`, requests and WebSocket upgrades. */
import { canonicalPath } from '../canonical/index.ts'
import { type AccessRequest, type Identified, Refusal, servicePrefix } from '../core/index.ts'
import { serve } from './deliver.ts'
import { countHop, forwardableHeaders } from './headers.ts'
import { type DoorOptions, type DoorSettings, eitherAuthorization, HttpArrival } from './http-arrival.ts'
import { withoutOwnToken } from './own-token.ts'
import type { UpgradableDoor } from './proxy.ts'
import { createRequestBody } from './request-body.ts'
import { wantsWebSocket } from './supported-heads.ts'
import { createUpgradeDoor } from './upgrades.ts'
import { requireNoBody, websocketHeaders } from './websocket-head.ts'

export function createServicesDoor({ handle, identify, nextId, requireShare, selfUrl }: DoorOptions): UpgradableDoor {
  const settings: DoorSettings = { door: 'services', identify, requireShare, selfUrl, credentialHeaders: eitherAuthorization, read }
  return {
    request: (req, res) => serve(handle, new HttpArrival(nextId(), settings, req, res)),
    upgrade: createUpgradeDoor({ handle, nextId }, () => settings),
  }
}

function read(arrival: HttpArrival, who: Identified): AccessRequest {
  const { integration, identity } = who
  const { req, res } = arrival
  const websocket = wantsWebSocket(req)
  const match = /^([a-z0-9-]{1,63})(\/.*|\?.*)?$/s.exec((req.url ?? '').slice(servicePrefix.length))
  if (match === null) throw new Refusal('malformed-request', 'expected /services/<name>/<path>')
  const rest = match[2] ?? '/'
  const { path, query } = canonicalPath(rest.startsWith('?') ? `/${rest}` : rest, integration.services)
  const body = createRequestBody(req, res)
  if (websocket) requireNoBody(body)
  const method = req.method ?? ''
  const forwarded = withoutOwnToken(forwardableHeaders(req.rawHeaders), who)
  const headers = websocket ? websocketHeaders(forwarded, false) : forwarded
  return {
    kind: 'service',
    id: arrival.id,
    door: 'services',
    at: arrival.at,
    integration,
    identity,
    hangup: arrival,
    action: method,
    target: { name: match[1] ?? '', method, path, query, websocket },
    headers,
    body,
    isLastHop: countHop(method, headers),
  }
}
