/** The schema of sallyport.yaml. Descriptions are what editors and docs/reference/configuration.md say. */
import { z } from 'zod'
import { breakerSchema, limitsSchema } from './limits-schema.ts'
import { cidr, duration, hostAndPort, name, size } from './quantities.ts'

/** Never inline: a secret in a file that people copy is a secret lost. */
const secret = (meaning: string) =>
  z
    .union(
      [
        z.strictObject({ env: z.string().min(1).describe('Environment variable that holds it.') }),
        z.strictObject({ file: z.string().min(1).describe('File that holds it; a newline at its end is dropped.') }),
      ],
      'expected { env: NAME } or { file: path }; a secret never stands in this file',
    )
    .describe(meaning)

// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the spelling that users write
const path = () => z.string().min(1).describe('Path; relative to this file. `${NAME}` is replaced from the environment.')

const listener = z.strictObject({
  name: name().describe('For messages and records.'),
  address: hostAndPort().describe('TCP address to listen on.').optional(),
  socket: path().describe('Unix socket to listen on, instead of an address.').optional(),
  integration: name().describe('Whoever connects here is this integration; without it callers prove themselves by proxy token.').optional(),
  doors: z
    .array(z.enum(['proxy', 'services', 'broker']))
    .min(1)
    .describe('What is served: `proxy` (absolute-form and CONNECT), `services`, `broker`. All where absent.')
    .optional(),
})

const service = z.strictObject({
  name: name().describe('The name in `/services/<name>/…`.'),
  url: z
    .url({ protocol: /^https?$/, error: 'expected an http:// or https:// URL' })
    .describe('Where it is; its path goes before the caller’s.'),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'expected a header name'), secret('A credential that the gateway adds.'))
    .describe('Headers that the gateway sets, whatever the caller sent.')
    .optional(),
  timeout: duration().describe('Until the head of the reply.').optional(),
  addresses: z
    .array(cidr())
    .describe('Blocks outside the public internet that its name may resolve to. An address or `localhost` in the URL needs none.')
    .optional(),
})

export const configSchema = z.strictObject({
  apiVersion: z.literal('sallyport/v1').describe('The version of this file’s schema.'),
  kind: z.literal('Gateway').describe('What this file describes.'),
  state: path().describe('Folder for what the gateway keeps: CA, sockets, caches, audit log. Default `./state`.').optional(),
  integrations: path().describe('Folder of manifests, one `.yaml` an integration. Default `./integrations`.').optional(),
  listeners: z
    .array(listener)
    .min(1)
    .describe('Where integrations connect. Default: one called `proxy` on 127.0.0.1:3128 with every door.')
    .optional(),
  services: z.array(service).describe('Named services that manifests may grant.').optional(),
  policy: z
    .strictObject({
      rules: path().describe('Folder of authors’ Rego (`package sallyport.rules`). None where absent.').optional(),
      maxMemoryPages: z
        .int()
        .min(16)
        .max(16_384)
        .describe('Memory of one evaluation beyond its data, in 64 KiB pages; it also bounds its time. Default 200.')
        .optional(),
    })
    .describe('The policy engine.')
    .optional(),
  admin: z
    .strictObject({
      health: hostAndPort().describe('Address of /healthz, /readyz and /metrics. Default 127.0.0.1:8282.').optional(),
      socket: path().describe('Unix socket of the operator’s API, mode 0600. Default `admin.sock` in the state folder.').optional(),
      tcp: z
        .strictObject({
          address: hostAndPort().describe('Address of the operator’s API.'),
          token: secret('Bearer token that every call must carry.'),
        })
        .describe('The operator’s API on TCP as well. Off where absent.')
        .optional(),
    })
    .describe('The operator’s side.')
    .optional(),
  audit: z
    .strictObject({
      folder: path().describe('Folder of the log. Default `audit` in the state folder.').optional(),
      maxSegment: size().describe('A segment is closed at this size. Default 64MiB.').optional(),
      durability: z
        .enum(['reply', 'strict'])
        .describe('`reply`: the record is on disk before the reply’s first byte. `strict`: before the effect begins. Default `reply`.')
        .optional(),
    })
    .describe('The audit log.')
    .optional(),
  limits: limitsSchema.describe('Limits of integrations whose manifest says nothing.').optional(),
  breaker: breakerSchema.describe('Breakers of integrations whose manifest says nothing.').optional(),
  http: z
    .strictObject({
      maxHeader: size().describe('Request line and headers. Default 16KiB.').optional(),
      headersTimeout: duration().describe('Until the head of a request is in. Default 15s.').optional(),
      keepAlive: duration().describe('An idle connection of a caller is kept so long. Default 60s.').optional(),
      maxConnections: z.int().positive().describe('Connections of a listener. Default 10000.').optional(),
      connectTimeout: duration().describe('Until a destination accepts the connection. Default 5s.').optional(),
      originTimeout: duration().describe('Until the head of a destination’s reply. Default 30s.').optional(),
      idleTimeout: duration().describe('A body or tunnel in which nothing moves is cut. Default 2m.').optional(),
      maxRequest: size().describe('A request’s body. Default 1GiB.').optional(),
      maxReply: size().describe('A reply’s body. Default 10GiB.').optional(),
      maxPolicyBody: size().describe('A request’s body that the policy looks at is buffered up to this. Default 1MiB.').optional(),
      originCa: path().describe('PEM file of further CAs that destinations’ certificates may come from.').optional(),
      dnsServers: z.array(z.string().min(1)).describe('Resolvers to ask (`address` or `address:port`) instead of the system’s.').optional(),
    })
    .describe('Bounds and timeouts of the doors and of egress.')
    .optional(),
  drainTimeout: duration().describe('After SIGTERM live work may go on so long. Default 10s.').optional(),
  log: z
    .strictObject({ level: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).describe('Default `info`.').optional() })
    .describe('The operational log, JSON lines on standard error.')
    .optional(),
})

export type ConfigFile = z.output<typeof configSchema>

/** JSON Schema (2020-12) of sallyport.yaml, for editors. */
export function configJsonSchema(): object {
  return { ...z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }), title: 'sallyport.yaml' }
}
