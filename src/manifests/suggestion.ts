/** What a denial suggests to add to a manifest. */
import { choicesFor, patternOfPath } from '../canonical/index.ts'
import type { AccessRequest, JsonObject } from '../core/index.ts'

/** What would have to stand in which manifest for the default policy to allow this; says nothing of other integrations. */
export function suggestion(request: AccessRequest): JsonObject {
  const manifest = request.integration.source
  switch (request.kind) {
    case 'http': {
      const { scheme, host, port, method, path, websocket } = request.target
      return {
        manifest,
        add: {
          network: [
            {
              hosts: [host],
              ports: [port],
              methods: [method],
              paths: [patternOfPath(path)],
              ...choicesFor([path]),
              ...(websocket && { websocket }),
              tls: scheme === 'https' ? 'intercept' : 'none',
            },
          ],
        },
      }
    }
    case 'tunnel': {
      const { host, port } = request.target
      // Whose clients trust the CA: a blind tunnel would hide what it asks.
      const tls = request.integration.network.some((capability) => capability.tls === 'intercept') ? 'intercept' : 'tunnel'
      return { manifest, add: { network: [{ hosts: [host], ports: [port], tls }] } }
    }
    case 'service': {
      const { name, method, path, websocket } = request.target
      const forms = choicesFor([path])
      return {
        manifest,
        add: { services: [{ name, methods: [method], paths: [patternOfPath(path)], ...forms, ...(websocket && { websocket }) }] },
      }
    }
    case 'file':
      return {
        manifest,
        add: { files: [{ name: request.target.root, actions: [request.action], paths: [patternOfPath(request.target.path)] }] },
      }
    case 'lookup':
      return { manifest, add: { network: [{ hosts: [request.target.host] }] } }
    case 'self':
      return { manifest }
  }
}
