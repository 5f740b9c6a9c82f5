/** The schema of where policies come from: servers as OPA's users run them, and bundles. */
import { z } from 'zod'
import { type BundleConfig, type ServerConfig, signatureAlgorithms } from './policy-config.ts'
import { duration, name, size } from './quantities.ts'
import { credentialKeys, plainUrl, tlsKeys } from './remote.ts'
import { suggest } from './schema-messages.ts'
import type { Sourced } from './sourced-schema.ts'

export function serverSchema(sourced: Sourced) {
  const { token, headers } = credentialKeys(sourced)
  return z.strictObject({
    name: name().describe('The name by which bundles refer to it.'),
    url: plainUrl().describe('The base URL; the path of each resource is appended.'),
    token,
    ...tlsKeys(sourced),
    headers,
    timeout: duration()
      .describe(
        'Time for the connection, for the head of the reply, and between two parts of its body; the whole request may take ten times as long.',
      )
      .prefault('10s'),
  })
}

const pollingSchema = z
  .strictObject({
    minDelay: duration().describe('The least time between two requests.').prefault('60s'),
    maxDelay: duration().describe('The most; the gateway waits some time between the two.').prefault('120s'),
    longPollingTimeout: duration().describe('How long the server may hold a request until there is something new.').optional(),
  })
  .refine((polling) => polling.minDelay <= polling.maxDelay, { error: 'minDelay is longer than maxDelay' })

export function bundleSchema({ path, folder, text, hidden }: Sourced) {
  const signing = z
    .strictObject({
      key: text('PEM file of the public key or certificate; for HS256, HS384 and HS512 the file with the secret.'),
      keyId: z.string().min(1).describe('The name of the key in messages.').prefault('default'),
      algorithm: z.enum(signatureAlgorithms).describe('How the bundle must be signed.').prefault('RS256'),
      scope: z.string().describe('The scope that the signature must have; where absent, it must have no scope.').optional(),
    })
    .transform((given) => {
      if (!given.algorithm.startsWith('HS')) return given
      const key = given.key.replace(/\r?\n$/, '')
      hidden(key)
      return { ...given, key }
    })
  return z
    .strictObject({
      name: name().describe('For messages, metrics and the state folder.'),
      server: z.string().describe('Name of one of `policy.servers`, from which the bundle is fetched.').optional(),
      resource: z.string().min(1).describe('Path below the server’s URL. Default `bundles/<name>`.').optional(),
      file: path('Archive (`.tar.gz`) instead of a server; followed.').optional(),
      folder: folder('Folder of a bundle’s files instead of a server; followed.').optional(),
      polling: pollingSchema.describe('How often a server is asked. Not for a file or folder, which is watched.').optional(),
      signing: signing.describe('The key that the bundle must be signed with. Without it the bundle must be unsigned.').optional(),
      maxSize: size(1).describe('The largest download, and the largest sum of its files.').prefault('64MiB'),
    })
    .refine((bundle) => [bundle.server, bundle.file, bundle.folder].filter((place) => place !== undefined).length === 1, {
      error: 'expected one of server, file and folder',
    })
    .refine((bundle) => bundle.server !== undefined || bundle.resource === undefined, {
      error: 'a resource is of a server',
      path: ['resource'],
    })
    .refine((bundle) => bundle.server !== undefined || bundle.polling === undefined, {
      error: 'only a server is asked again and again; a file or folder is watched: leave "polling" out',
      path: ['polling'],
    })
}

interface Policy {
  readonly servers: readonly { readonly name: string }[]
  readonly bundles: readonly { readonly server?: string | undefined }[]
}

/** Over `policy`: what is referred to is there. */
export function checkServerReferences({ servers, bundles }: Policy, context: z.core.$RefinementCtx): void {
  const known = servers.map((server) => server.name)
  for (const [index, { server }] of bundles.entries()) {
    if (server === undefined || known.includes(server)) continue
    const message = `policy.servers has no "${server}"${suggest(server, known)} (known: ${known.join(', ') || 'none'})`
    context.addIssue({ code: 'custom', path: ['bundles', index, 'server'], message })
  }
}

export function serverFrom(given: z.output<ReturnType<typeof serverSchema>>): ServerConfig {
  return {
    name: given.name,
    url: new URL(given.url),
    bearer: given.token ?? null,
    clientCertificate: given.clientCertificate ?? null,
    ca: given.ca ?? null,
    headers: Object.entries(given.headers).map(([header, value]) => ({ name: header, value })),
    timeoutMs: given.timeout,
  }
}

export function bundleFrom(given: z.output<ReturnType<typeof bundleSchema>>): BundleConfig {
  const { server, resource, file, folder, polling = pollingSchema.parse({}) } = given
  return {
    name: given.name,
    place:
      server !== undefined
        ? { kind: 'server', server, resource: resource ?? `bundles/${given.name}` }
        : { kind: file !== undefined ? 'file' : 'folder', path: file ?? folder ?? '' },
    polling: { minMs: polling.minDelay, maxMs: polling.maxDelay, longPollMs: polling.longPollingTimeout ?? 0 },
    signing: given.signing === undefined ? null : { ...given.signing, scope: given.signing.scope ?? '' },
    maxBytes: given.maxSize,
  }
}

export const referenceSchema = z
  .union(
    [
      z.literal('off'),
      z.strictObject({
        perSecond: z.number().min(0.01).max(100).describe('Decisions per second that are compared while requests are decided.').prefault(1),
      }),
    ],
    { error: 'expected "off", or how many decisions per second are compared: { perSecond: 1 }' },
  )
  .describe(
    'OPA’s own SDK beside the gateway’s evaluator: a set that the two decide differently is rejected, and a sample of decisions is compared. `off`: nothing is compared.',
  )
  .prefault({})
