/** The schema of sallyport.yaml. Descriptions and defaults are what editors and docs/reference/configuration.md say. */
import { z } from 'zod'
import { adminSchema } from './admin-schema.ts'
import { auditSchema } from './audit-schema.ts'
import { containmentSchema } from './containment-schema.ts'
import { besides, refuseCollisions, refuseHiddenTrust, refuseLongSocket, refuseTwins } from './endpoints.ts'
import { gatewayBreakerSchema, gatewayLimitsSchema } from './limits-schema.ts'
import { listenerSchema } from './listener-schema.ts'
import { bundleSchema, checkServerReferences, referenceSchema, serverSchema } from './policy-schema.ts'
import { duration, name, resolver, size } from './quantities.ts'
import { decisionLogSchema, labelsSchema, refuseUnknownServers, statusSchema } from './report-schema.ts'
import { serviceSchema } from './service-schema.ts'
import { createSourced } from './sourced-schema.ts'
import { noSources, type Sources } from './sources.ts'
import { telemetrySchema } from './telemetry-schema.ts'
import { watchSchema } from './watch-schema.ts'

const kibi = 1024
const mebi = 1024 ** 2

/** `sources` reads what is outside the file; its problems are reported at the key. */
export function createConfigSchema(sources: Sources) {
  const sourced = createSourced(sources)
  const { path, folder, certificates, secret } = sourced

  const keptNames = z
    .strictObject({
      minTtl: duration()
        .describe('A shorter time to live is lengthened to this. An answer with a time to live of 0 is not kept.')
        .prefault('5s'),
      maxTtl: duration().describe('A longer time to live is shortened to this.').prefault('5m'),
      negativeTtl: duration().describe('For so long a name that does not exist, or has no address, is not asked for again.').prefault('5s'),
      stale: duration()
        .describe(
          'For so long after its time an answer is used where no name server answers within a second; they are then asked again every 5 s (RFC 8767).',
        )
        .prefault('5m'),
      maxNames: z
        .int()
        .nonnegative()
        .describe('Answers that are kept; beyond it, one of the integration that has most gives way. With 0 none is kept.')
        .prefault(10_000),
    })
    .refine(({ minTtl, maxTtl }) => !(minTtl > maxTtl), {
      error: 'expected no less than http.dns.minTtl',
      path: ['maxTtl'],
      ...besides,
    })

  const http = z
    .strictObject({
      http2: z
        .boolean()
        .describe(
          'Whether callers inside an interception are offered HTTP/2 as well as HTTP/1.1 (ALPN), and the proxy takes HTTP/2 without TLS (by prior knowledge).',
        )
        .prefault(true),
      maxStreams: z
        .int()
        .min(1)
        .max(1000)
        .describe(
          'Most requests that may be open at once on one connection in HTTP/2; 1 to 1000. A caller that opens more has those refused, and is disconnected where it goes on.',
        )
        .prefault(100),
      maxHeader: size(kibi, mebi).describe('Request line and headers; 1KiB to 1MiB.').prefault('16KiB'),
      headersTimeout: duration().describe('Time until the head of a request has arrived.').prefault('15s'),
      keepAlive: duration().describe('How long an idle connection of a caller is kept.').prefault('60s'),
      maxConnections: z
        .int()
        .positive()
        .describe(
          'Connections of a listener. Where it is full, a connection of the integration that has most is closed for one that has fewer.',
        )
        .prefault(10_000),
      maxUnidentifiedConnections: z
        .int()
        .positive()
        .describe(
          'Of these, connections that have not identified their integration yet; at most half. The oldest is closed for a new one, and each has `headersTimeout` to identify itself.',
        )
        .prefault(2000),
      connectTimeout: duration()
        .describe('Time until a destination’s name is resolved, the connection is made, and its TLS handshake is complete.')
        .prefault('5s'),
      originTimeout: duration().describe('Time until the head of a destination’s reply.').prefault('30s'),
      idleTimeout: duration().describe('A body or tunnel without any bytes for this time is cut.').prefault('2m'),
      lingerTimeout: duration()
        .describe(
          'A reply may end before its request: for this time the rest that the caller sends is discarded, so that it can read the reply. A sixth of this time without a byte ends it too.',
        )
        .prefault('30s'),
      maxLinger: size().describe('The most bytes that are discarded; then the connection is cut.').prefault('256MiB'),
      maxRequest: size().describe('The largest body of a request.').prefault('1GiB'),
      maxReply: size().describe('The largest body of a reply.').prefault('10GiB'),
      maxPolicyBody: size(0, 64 * mebi)
        .describe('The largest request body that is buffered for the policy; at most 64MiB.')
        .prefault('1MiB'),
      maxPolicyBodies: size()
        .describe('All such bodies together; at least twice the largest. An integration may use as much of it as is free.')
        .prefault('256MiB'),
      originCa: certificates(
        'PEM file of further CAs that destinations’ certificates may come from, beside the system’s store, Node’s roots and `NODE_EXTRA_CA_CERTS`.',
      ).optional(),
      dnsServers: z
        .array(resolver())
        .describe('Name servers to ask (`address` or `address:port`); those of resolv.conf where empty. The hosts file comes first.')
        .prefault([]),
      dns: keptNames
        .describe(
          'How long an answer of a name server is used again. Each integration has answers of its own, and their addresses are judged at each use.',
        )
        .prefault({}),
    })
    // A value that is not a size is reported as such and not compared.
    .refine(({ maxPolicyBody, maxPolicyBodies }) => !(maxPolicyBodies < 2 * maxPolicyBody), {
      error: 'expected at least twice http.maxPolicyBody: half of it is the most that one integration may have',
      path: ['maxPolicyBodies'],
      ...besides,
    })

  const websockets = z.strictObject({
    idleTimeout: duration().describe('A WebSocket on which neither end sends a byte for this time is closed (code 1001).').prefault('5m'),
    maxMessage: size()
      .describe(
        'The largest message, as it is sent: of a compressed one, its compressed bytes. A larger one closes the WebSocket (code 1009).',
      )
      .prefault('16MiB'),
    messagesPerSecond: z
      .int()
      .positive()
      .describe('Messages each way; those of one second may come at once. Beyond it they are delayed.')
      .prefault(1000),
  })

  return z
    .strictObject({
      apiVersion: z.literal('sallyport/v1').describe('The version of this file’s schema.'),
      kind: z.literal('Gateway').describe('What this file describes.'),
      state: path('Folder for what the gateway keeps: CA, sockets, caches, audit log.').prefault('./state'),
      trust: path(
        'Folder where clients find the gateway’s CA, mode 0755 and outside the state folder, which nobody else can enter: `ca.crt`, `ca.der`, and with the system’s roots `bundle.crt` and `truststore.p12` (for the JVM). Written at each start and when the CA is rotated. Each gateway needs one of its own: a second one does not start with it. Where absent, they are in `ca` of the state folder only.',
      ).optional(),
      integrations: path('Folder of manifests, one `.yaml` an integration.').prefault('./integrations'),
      listeners: z
        .array(listenerSchema(sourced))
        .min(1)
        .superRefine(refuseTwins, besides)
        .describe('Where integrations connect.')
        .prefault([{ name: 'proxy', address: '127.0.0.1:3128' }]),
      services: z
        .array(serviceSchema(secret))
        .superRefine(refuseTwins, besides)
        .describe('Named services that manifests may grant.')
        .prefault([]),
      policy: z
        .strictObject({
          rules: folder('Folder of authors’ Rego (`package sallyport.rules`). None where absent.').optional(),
          maxMemoryPages: z
            .int()
            .min(16)
            .max(16_384)
            .describe(
              'Memory of one evaluation beyond its data, in 64 KiB pages; freed afterwards. 1600 are enough for any body of `http.maxPolicyBody` of 1 MiB: raise both together.',
            )
            .prefault(1600),
          maxEvaluation: duration()
            .describe(
              'An evaluation that takes more processor time than this, apart from reading its input (at most half a second per megabyte), is stopped, and its request denied.',
            )
            .prefault('50ms'),
          grants: z
            .strictObject({
              builtins: z
                .array(z.enum(['http.send', 'net.lookup_ip_addr', 'opa.runtime']))
                .describe('Functions that reach out of the policy and may be called.')
                .prefault([]),
              integration: name()
                .describe('External calls take the same path as requests, as this integration: its manifest has to allow them.')
                .optional(),
              timeout: duration().describe('The longest time that one decision waits for all its external calls.').prefault('1s'),
              maxCalls: z.int().min(1).max(100).describe('External calls of one decision.').prefault(4),
              maxReply: size(0, 64 * mebi)
                .describe('The largest body of an answer; at most 64MiB.')
                .prefault('1MiB'),
            })
            .refine(
              ({ builtins, integration }) =>
                integration !== undefined || !Array.isArray(builtins) || builtins.every((builtin) => builtin === 'opa.runtime'),
              {
                error: 'expected an integration: what rules ask is judged by its manifest',
                path: ['integration'],
                ...besides,
              },
            )
            .describe('Which external calls rules may make. None where absent.')
            .prefault({}),
          shadow: z
            .strictObject({
              rules: folder('Folder of the shadow policy’s Rego, which takes the place of `policy.rules`.'),
              enforce: z
                .number()
                .min(0)
                .max(100)
                .describe('Percent of requests that the shadow policy decides, chosen by a stable hash of integration and request id.')
                .prefault(0),
              maxEvaluation: duration()
                .describe('An evaluation of the shadow policy that takes more of the processor’s time is stopped and ignored.')
                .prefault('5ms'),
            })
            .describe('Rules that are evaluated beside the active ones; every difference is recorded and counted.')
            .optional(),
          reference: referenceSchema,
          servers: z
            .array(serverSchema(sourced))
            .superRefine(refuseTwins, besides)
            .describe('Servers that give bundles, and take decision logs and status (OPA’s `services`).')
            .prefault([]),
          bundles: z
            .array(bundleSchema(sourced))
            .superRefine(refuseTwins, besides)
            .describe('OPA bundles, compiled together with the rules.')
            .prefault([]),
          labels: labelsSchema.describe('Labels of this gateway in reports, beside its `id` and `version`.').prefault({}),
          decisionLog: decisionLogSchema.describe('Decisions are sent to a server, as OPA sends them. Off where absent.').optional(),
          status: statusSchema
            .describe('The status of bundles and rules is sent to a server, as OPA sends it. Off where absent.')
            .optional(),
        })
        .superRefine(checkServerReferences)
        .superRefine(refuseUnknownServers)
        .describe('The policy engine.')
        .prefault({}),
      admin: adminSchema(sourced).describe('The operator’s side.').prefault({}),
      audit: auditSchema(sourced).describe('The audit log.').prefault({}),
      telemetry: telemetrySchema(sourced).describe('What OpenTelemetry is told ([telemetry](../telemetry.md)).').prefault({}),
      limits: gatewayLimitsSchema.describe('Limits of integrations whose manifest has none.').prefault({}),
      breaker: gatewayBreakerSchema.describe('Breakers of integrations whose manifest has none.').prefault({}),
      http: http.describe('Bounds and timeouts of the doors and of egress.').prefault({}),
      websockets: websockets.describe('Bounds of WebSockets, through every door; a capability may set others.').prefault({}),
      containment: containmentSchema.describe('How integrations are held in: docs/watch/containment.md.').prefault({}),
      watch: watchSchema(sourced)
        .describe(
          'What passes is watched by a process of its own, which learns what is usual and tells what is not. `{}` is enough. Off where absent.',
        )
        .optional(),
      drainTimeout: duration().describe('How long open requests may continue after SIGTERM.').prefault('10s'),
      log: z
        .strictObject({
          level: z
            .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
            .describe('The lowest level that is written.')
            .prefault('info'),
        })
        .describe(
          'The operational log, JSON lines on standard error. Where it cannot be written (a full disk, a reader that is stuck), lines are lost, and a later line counts them.',
        )
        .prefault({}),
    })
    .superRefine(refuseCollisions, besides)
    .superRefine(refuseLongSocket, besides)
    .superRefine(refuseHiddenTrust, besides)
}

export type ConfigFile = z.output<ReturnType<typeof createConfigSchema>>

/** JSON Schema (2020-12) of sallyport.yaml, for editors. */
export function configJsonSchema(): object {
  return { ...z.toJSONSchema(createConfigSchema(noSources), { io: 'input', unrepresentable: 'any' }), title: 'sallyport.yaml' }
}
