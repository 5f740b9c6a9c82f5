/** The schema of a manifest. Descriptions are what editors and docs/reference/manifest.md say. */
import { z } from 'zod'
import { breakerSchema, cidr, duration, limitsSchema, name, requireShorterParts, size, timeoutsSchema } from '../config/index.ts'
import { fileActions } from '../core/index.ts'
import { filePattern, hostPattern, pathPattern } from './patterns.ts'
import { telemetrySchema } from './telemetry.ts'
import { requireTimeable, retries } from './timing.ts'

/** One line of text for people and records. */
const line = (max = 4096) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^\P{Cc}*$/u, 'expected one line without control characters')

function expectedMethod({ input }: { readonly input?: unknown }): string {
  const given = String(input)
  if (given === '*') return 'leave "methods" out to allow every one'
  return `expected a method in upper case, such as "GET"${/^[a-z]{1,20}$/i.test(given) ? `; did you mean "${given.toUpperCase()}"?` : ''}`
}

const methods = () =>
  z
    .array(z.string().regex(/^[A-Z][A-Z0-9_-]{0,31}$/, { error: expectedMethod }))
    .describe('Methods allowed; every one where absent, none where empty. GET does not imply HEAD.')
const paths = () =>
  z
    .array(pathPattern())
    .describe('Globs over the canonical path: `*` within one segment, `**` anything. Every path where absent, none where empty.')

const query = () =>
  z
    .record(z.string().min(1, 'expected the name of a query key').max(200), z.array(z.string().max(4096)))
    .refine(
      (conditions) => Object.keys(conditions).length > 0,
      'expected at least one key: without any there is no condition; leave "query" out',
    )
    .describe(
      'Values that keys of the query may have, as in `{ service: [git-upload-pack] }`: the key must be given, and each of its values must be in the list; with an empty list the key must not be given. Other keys are not looked at. A query that origins could read in different ways (`Service`, `service[]`, `;`) does not fulfil it. Any query where absent.',
    )

const encodedSlash = () =>
  z
    .enum(['refuse', 'literal'])
    .describe(
      '`literal`: `%2F` in a path is a character of its segment, judged and forwarded unchanged, as in `/@types%2Fnode`; only a pattern that writes it, or `**`, matches it. Default `refuse`: origins disagree whether it is a slash.',
    )
const emptySegments = () =>
  z
    .enum(['refuse', 'literal'])
    .describe(
      '`literal`: `//` in a path is an empty segment, judged and forwarded unchanged, as in keys of object stores; only a pattern that writes it, or `**`, matches it. Default `refuse`: origins disagree whether it is one slash.',
    )

/** How long exchanges may take, and when they are tried again. */
const timed = () => ({
  timeouts: timeoutsSchema()
    .describe('How long the parts of an exchange may take. Of several that are stated, the shortest holds.')
    .optional(),
  retries: retries()
    .describe(
      'When a request of an idempotent method (GET, HEAD, OPTIONS, TRACE, PUT, DELETE) is sent again: the destination could not be reached, so that nothing was sent, or it answered 429 or 503 with a `Retry-After` that ends within `timeout` and `timeouts.total`. A body that was streamed is not sent again. Never where absent, but for one more attempt where a kept connection turns out to be closed.',
    )
    .optional(),
})

/** Where the gateway's own bounds on WebSockets are not the right ones. */
const websocket = () => ({
  websocket: z.boolean().describe('Allow WebSockets, beside plain requests. Default false.').optional(),
  maxMessage: size().describe('The largest message of a WebSocket, instead of `websockets.maxMessage` of the gateway.').optional(),
  messagesPerSecond: z
    .int()
    .positive()
    .describe('Messages of a WebSocket each way, instead of `websockets.messagesPerSecond` of the gateway.')
    .optional(),
})

interface WebSockets {
  readonly websocket?: boolean | undefined
  readonly maxMessage?: number | undefined
  readonly messagesPerSecond?: number | undefined
}

/** A bound on what is not allowed is a mistake. */
function requireWebSocket({ websocket, ...bounds }: WebSockets, context: z.RefinementCtx): void {
  for (const key of ['maxMessage', 'messagesPerSecond'] as const)
    if (bounds[key] !== undefined && websocket !== true)
      context.addIssue({
        code: 'custom',
        path: [key],
        message: 'bounds WebSockets, which this capability does not allow: add "websocket: true"',
      })
}

/** What can only be held where each request is seen. */
const requestKeys = ['methods', 'paths', 'query', 'encodedSlash', 'emptySegments', 'websocket'] as const

function judgesRequests(capability: Readonly<Partial<Record<(typeof requestKeys)[number], unknown>>>): boolean {
  return requestKeys.some((key) => capability[key] !== undefined)
}

type TlsMode = 'none' | 'tunnel' | 'intercept'

/** As it is stated, or follows from what has to be seen. */
export function tlsOf(capability: Parameters<typeof judgesRequests>[0] & { readonly tls?: TlsMode | undefined }): TlsMode {
  return capability.tls ?? (judgesRequests(capability) ? 'intercept' : 'tunnel')
}

interface Patterned {
  readonly paths?: readonly string[] | undefined
  readonly encodedSlash?: string | undefined
  readonly emptySegments?: string | undefined
}

/** A pattern that nothing can match is a mistake: such a path is refused before. */
function requireChoices({ paths = [], ...chosen }: Patterned, context: z.RefinementCtx): void {
  for (const [index, pattern] of paths.entries())
    for (const [key, form] of [
      ['encodedSlash', '%2F'],
      ['emptySegments', '//'],
    ] as const)
      if (typeof pattern === 'string' && pattern.startsWith('/') && pattern.includes(form) && chosen[key] !== 'literal')
        context.addIssue({
          code: 'custom',
          path: ['paths', index],
          message: `a path with "${form}" is refused unless this capability says "${key}: literal"`,
        })
}

const network = z
  .strictObject({
    hosts: z
      .array(hostPattern())
      .min(1, 'expected at least one host: without any the capability allows nothing; name one, or leave the capability out')
      .describe('Names, addresses, `*.example.com` (every name below it, not itself) or `*` (every name, no address).'),
    ports: z
      .array(z.int().min(1).max(65535))
      .min(1, 'expected at least one port: without any the capability allows nothing; leave "ports" out for the default')
      .describe('Default 80 for `tls: none`, else 443.')
      .optional(),
    methods: methods().optional(),
    paths: paths().optional(),
    query: query().optional(),
    encodedSlash: encodedSlash().optional(),
    emptySegments: emptySegments().optional(),
    ...websocket(),
    tls: z
      .enum(['none', 'tunnel', 'intercept'])
      .describe(
        '`none`: plain HTTP. `tunnel`: TLS is passed through unread. `intercept`: TLS is opened and each request is judged. Default `intercept` where methods, paths, query, encodedSlash, emptySegments or websocket are given, else `tunnel`.',
      )
      .optional(),
    addresses: z.array(cidr()).describe('Blocks outside the public internet that the hosts may resolve to. None where absent.').optional(),
    timeout: duration()
      .describe('Time until the head of the reply; for a blind tunnel, until it is connected; for a WebSocket, until it opens.')
      .optional(),
    ...timed(),
    maxRequest: size()
      .describe(
        'The largest body of a request; for a blind tunnel or a WebSocket, everything that the caller sends, beyond which it is cut. Without it neither of them has a cap.',
      )
      .optional(),
    maxReply: size()
      .describe(
        'The largest body of a reply; for a blind tunnel or a WebSocket, everything that its origin sends, beyond which it is cut. Without it neither of them has a cap.',
      )
      .optional(),
  })
  .refine(
    (capability) => capability.tls !== 'tunnel' || !judgesRequests(capability),
    // Said together with whatever else is wrong with the capability.
    {
      error:
        'methods and paths cannot be held inside a blind tunnel, nor query, encodedSlash, emptySegments and websocket: use "tls: intercept", or drop them',
      when: ({ value }) => isMap(value),
    },
  )
  .superRefine(requireChoices)
  .superRefine(requireWebSocket)
  .superRefine((capability, context) => {
    requireShorterParts(capability, context)
    requireTimeable(tlsOf(capability), capability, context)
  })

const service = z
  .strictObject({
    name: name().describe('A service of sallyport.yaml.'),
    methods: methods().optional(),
    paths: paths().optional(),
    query: query().optional(),
    encodedSlash: encodedSlash().optional(),
    emptySegments: emptySegments().optional(),
    ...websocket(),
    ...timed(),
  })
  .superRefine(requireChoices)
  .superRefine(requireWebSocket)
  .superRefine(requireShorterParts)

const file = z.strictObject({
  name: name().describe('The name in `/v1/files/<name>/…`.'),
  root: line().describe('Folder of the host; relative to the manifest. Never shown to the integration.'),
  actions: z
    .array(z.enum(fileActions))
    .min(1, 'expected at least one action: without any the capability allows nothing; name one, or leave the capability out')
    .describe('The actions that are allowed there.'),
  paths: z.array(filePattern()).describe('Globs below the root. Every path where absent, none where empty.').optional(),
  maxBytes: size().describe('The largest file that may be read or written. Default 64MiB.').optional(),
})

const later = (kind: string) =>
  z.never(`${kind} capabilities are not available in this version`).describe('Not available in this version.').optional()

export const manifestSchema = z.strictObject({
  apiVersion: z.literal('sallyport/v1').describe('The version of this file’s schema.'),
  kind: z.literal('Integration').describe('What this file describes.'),
  name: name().describe('The integration’s name: in records, metrics and as the user of its proxy credentials.'),
  owner: line(200).describe('The person or team that is responsible for it.'),
  labels: z
    .record(
      z
        .string()
        .regex(
          /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/,
          'expected a label name: letters, digits and inner ".", "_", "/", "-"; at most 63 characters',
        ),
      line(200),
    )
    .describe('For the policy and for reports.')
    .optional(),
  identity: z
    .strictObject({
      tokens: z
        .array(
          z.strictObject({
            sha256: z
              .string('expected the SHA-256 of the token, 64 hex digits in quotes')
              .regex(/^[0-9a-f]{64}$/i, 'expected the SHA-256 of the token, 64 hex digits in quotes')
              .describe('SHA-256 of the token in hex; the token itself is not stored.'),
          }),
        )
        .describe('Proxy tokens; several while one is being replaced.')
        .optional(),
    })
    .describe('How it proves its identity, unless it has its own listener.')
    .optional(),
  network: z.array(network).describe('Hosts, and the requests that are allowed to them.').optional(),
  services: z.array(service).describe('Named services, and the requests that are allowed to them.').optional(),
  files: z
    .array(file)
    .refine(
      (files) => files.every(({ name, root }) => files.every((other) => other.name !== name || other.root === root)),
      'the same name for two roots',
    )
    .describe('Folders of the host that the broker opens.')
    .optional(),
  kv: later('kv'),
  secrets: later('secret'),
  exec: later('exec'),
  limits: limitsSchema.describe('Buckets and concurrency; what is absent comes from sallyport.yaml.').optional(),
  breaker: breakerSchema.describe('When requests to a failing destination are stopped for a while.').optional(),
  redaction: z
    .strictObject({
      headers: z.array(line(200)).describe('Header names whose values are masked.').optional(),
      queryKeys: z.array(line(200)).describe('Query keys whose values are masked.').optional(),
      jsonKeys: z.array(line(200)).describe('JSON keys whose values are masked.').optional(),
    })
    .describe('Beyond the built-in names.')
    .optional(),
  telemetry: telemetrySchema.optional(),
  denials: z
    .enum(['inside', 'connect'])
    .describe(
      'Where a refused CONNECT is answered. `inside`: the CONNECT succeeds, and each request inside its TLS gets the refusal, which clients show; nothing is opened for it. Clients must trust the gateway’s CA. `connect`: the CONNECT itself is refused, of which most clients show the status at most. Default `inside` where a network capability has `tls: intercept`, else `connect`.',
    )
    .optional(),
})

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

/** What says who comes in, whatever else a manifest says. */
export const identitySchema = z.looseObject({ name: manifestSchema.shape.name, identity: manifestSchema.shape.identity })

/** A manifest as its author writes it, before defaults and units are read. */
export type ManifestSource = z.input<typeof manifestSchema>
export type ManifestFile = z.output<typeof manifestSchema>

/** JSON Schema (2020-12) of a manifest, for editors. */
export function manifestJsonSchema(): object {
  return { ...z.toJSONSchema(manifestSchema, { io: 'input', unrepresentable: 'any' }), title: 'Sallyport integration manifest' }
}
