/** The schema of the operator's side: where it listens, and who may ask there for what. */
import { z } from 'zod'
import { isLoopback } from '../text/index.ts'
import { type AdminConfig, jwtAlgorithms, roles } from './admin-config.ts'
import { besides, refuseTwins } from './endpoints.ts'
import { duration, hostAndPort, name } from './quantities.ts'
import { plainUrl } from './remote.ts'
import type { Sourced } from './sourced-schema.ts'
import type { StateFolder } from './state-folder.ts'

/** What a token, certificate or claim gives its holder. */
const right = {
  role: z
    .enum(roles)
    .describe(
      '`viewer` reads status and usage; `auditor` reads the audit log as well; `operator` also reloads, activates, suspends and rotates.',
    ),
  personal: z.boolean().describe('Whether it sees the members of records that `audit.personal` names.').prefault(false),
}

/** Shorter tokens can be guessed. */
const minTokenCharacters = 16

/** What a check that runs beside others is given: values may be of any type. */
type Given = Readonly<Partial<Record<'tcp' | 'tokens' | 'certificates' | 'oidc', unknown>>>

const isListed = (value: unknown) => Array.isArray(value) && value.length > 0

/** Whether something is there; also where what it should be in is something else, of which that is told. */
function has(value: unknown, ...path: readonly string[]): boolean {
  const [name, ...rest] = path
  if (name === undefined || value === undefined) return value !== undefined
  return typeof value !== 'object' || value === null || has((value as Readonly<Record<string, unknown>>)[name], ...rest)
}

export function adminSchema(sourced: Sourced) {
  const { socket, secret, certificateText, privateKeyText } = sourced

  const tls = z.strictObject({
    certificate: certificateText('PEM file of the certificate, and of what it was issued by.'),
    key: privateKeyText('PEM file of its key.'),
    clientCa: certificateText('PEM file of the only CAs whose client certificates are accepted. Without it none is asked for.').optional(),
  })

  const token = z
    .strictObject({
      name: name().describe('Who holds it, for the records of what it asks.'),
      ...right,
      token: secret('The token itself, at least 16 characters.')
        .refine((given) => given.length >= minTokenCharacters, `expected at least ${minTokenCharacters} characters`)
        .optional(),
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/, 'expected the SHA-256 of a token, in 64 lower-case hex digits')
        .describe('SHA-256 of the token instead, so that the token is nowhere on this machine. `sallyport token NAME` makes a pair.')
        .optional(),
    })
    .refine((given) => (given.token === undefined) !== (given.sha256 === undefined), {
      error: 'expected one of token and sha256',
      ...besides,
    })

  const certificate = z
    .strictObject({
      name: name().describe('Who holds it, for the records of what it asks.'),
      ...right,
      subject: z
        .record(z.string().regex(/^[A-Za-z][A-Za-z0-9.]*$/, 'expected the name of an attribute, such as CN'), z.string().min(1))
        .refine((given) => Object.keys(given).length > 0, 'expected at least one attribute')
        .describe('Attributes that its subject must have, each once, and in this spelling: `{ CN: alice, O: Example }`.')
        .optional(),
      san: z
        .string()
        .regex(/^(?:DNS|URI|email):./, 'expected DNS:…, URI:… or email:…')
        .describe('A subject alternative name that it must have: `URI:spiffe://example/alice`, `DNS:…` or `email:…`.')
        .optional(),
    })
    .refine((given) => (given.subject === undefined) !== (given.san === undefined), {
      error: 'expected one of subject and san',
      ...besides,
    })

  return z
    .strictObject({
      health: hostAndPort().describe('Address of /healthz, /readyz and /metrics.').prefault('127.0.0.1:8282'),
      socket: socket('Unix socket of the operator’s API, mode 0600. Default `admin.sock` in the state folder.').optional(),
      tcp: z
        .strictObject({
          address: hostAndPort().describe('Address of the operator’s API.'),
          token: secret('Bearer token of an operator. Further ones, with names and roles, are in `admin.tokens`.').optional(),
          tls: tls.describe('Serves HTTPS. Plain HTTP where absent: then keep it on loopback.').optional(),
          dashboard: z
            .strictObject({
              hosts: z
                .array(z.string().regex(/^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/, 'expected a host name in lower case, without a port'))
                .describe('Names under which browsers reach it. Addresses and `localhost` need none; another name is refused.')
                .prefault([]),
            })
            .describe('Serves the dashboard at /dashboard/ of this port. Off where absent.')
            .optional(),
        })
        .describe('The operator’s API on TCP as well. Off where absent.')
        .optional(),
      tokens: z.array(token).superRefine(refuseTwins, besides).describe('Bearer tokens for the API on TCP.').prefault([]),
      certificates: z
        .array(certificate)
        .superRefine(refuseTwins, besides)
        .describe('Client certificates for the API on TCP, of `admin.tcp.tls.clientCa`. The first that matches counts.')
        .prefault([]),
      oidc: oidcSchema(sourced).describe('JWTs of an OpenID Connect provider for the API on TCP. Off where absent.').optional(),
    })
    .refine(
      ({ tcp, tokens, certificates, oidc }: Given) =>
        tcp === undefined || has(tcp, 'token') || isListed(tokens) || isListed(certificates) || oidc !== undefined,
      {
        error: 'nobody could use it: expected a token, or one of admin.tokens, admin.certificates and admin.oidc',
        path: ['tcp'],
        ...besides,
      },
    )
    .refine(({ tcp, certificates }: Given) => !isListed(certificates) || has(tcp, 'tls', 'clientCa'), {
      error: 'expected admin.tcp.tls.clientCa as well, which says whose certificates are accepted',
      path: ['certificates'],
      ...besides,
    })
    .refine(({ tcp, tokens, oidc }: Given) => tcp !== undefined || (!isListed(tokens) && oidc === undefined), {
      error: 'expected admin.tcp.address as well: tokens are for the API on TCP, and whoever may open its socket needs none',
      path: ['tcp'],
      ...besides,
    })
}

function oidcSchema({ certificateText, text }: Sourced) {
  const remote = plainUrl()
    .refine(
      (given) => !given.startsWith('http:') || (URL.canParse(given) && isLoopback(new URL(given).hostname)),
      'expected https://: keys that come unprotected prove nothing',
    )
    .describe(
      'Where its keys are (`jwks_uri` of its discovery document). Fetched when a token first needs one, and never twice within 30 s.',
    )
  const jwks = z
    .strictObject({
      url: remote.optional(),
      ca: certificateText('PEM file of the only CAs that its certificate may come from; the system’s where absent.').optional(),
      timeout: duration().describe('Time for a fetch.').prefault('5s'),
      file: text('JSON file of its keys, instead of a URL; read at the start.')
        .refine(isKeySet, 'expected a JWK Set (RFC 7517): {"keys": […]}')
        .optional(),
    })
    .refine((given) => (given.url === undefined) !== (given.file === undefined), { error: 'expected one of url and file', ...besides })
  const mapping = z.strictObject({
    claim: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .describe('Name of the claim; of one inside others, the list of their names: `[realm_access, roles]`.'),
    value: z.string().min(1).describe('What the claim is, or its list holds, in this spelling. In `scope`, one of the words.'),
    ...right,
  })
  return z.strictObject({
    issuer: z.string().min(1).describe('The `iss` of its tokens.'),
    audience: z.string().min(1).describe('The `aud` that a token must have: the name under which the provider knows this gateway.'),
    jwks: jwks.describe('The provider’s keys.'),
    algorithms: z
      .array(z.enum(jwtAlgorithms))
      .min(1)
      .describe('Signature algorithms that are accepted.')
      .prefault(['RS256', 'PS256', 'ES256', 'EdDSA']),
    clockSkew: duration()
      .refine((durationMs) => durationMs <= 5 * 60_000, 'a clock skew may be 5m at most')
      .describe('How far the provider’s clock may be from this machine’s; at most 5m.')
      .prefault('30s'),
    nameClaim: z.string().min(1).describe('The claim that says who it is, for the records of what is asked.').prefault('sub'),
    roles: z
      .array(mapping)
      .min(1)
      .describe('Which claim gives which role. The first that matches counts; without one, nothing is allowed.'),
  })
}

function isKeySet(text: string): boolean {
  try {
    return Array.isArray((JSON.parse(text) as { keys?: unknown } | null)?.keys)
  } catch {
    return false
  }
}

export function adminFrom(given: z.output<ReturnType<typeof adminSchema>>, state: StateFolder): AdminConfig {
  const { health, socket, tcp, tokens, certificates, oidc } = given
  return {
    health,
    socketPath: socket ?? state.operatorSocket,
    tcp:
      tcp === undefined
        ? null
        : {
            ...tcp.address,
            token: tcp.token ?? null,
            tls: tcp.tls === undefined ? null : { ...tcp.tls, clientCa: tcp.tls.clientCa ?? null },
            dashboard: tcp.dashboard ?? null,
          },
    tokens: tokens.map(({ token, sha256, ...holder }) => ({
      ...holder,
      secret: token === undefined ? { sha256: sha256 ?? '' } : { token },
    })),
    certificates: certificates.map(({ subject, san, ...holder }) => ({
      ...holder,
      match: subject === undefined ? { san: san ?? '' } : { subject },
    })),
    oidc: oidc === undefined ? null : oidcFrom(oidc),
  }
}

function oidcFrom({ jwks, clockSkew, roles: mappings, ...given }: z.output<ReturnType<typeof oidcSchema>>): AdminConfig['oidc'] {
  const { url, ca, timeout, file } = jwks
  return {
    ...given,
    keys: url === undefined ? { json: file ?? '' } : { url: new URL(url), ca: ca ?? null, timeoutMs: timeout },
    clockSkewMs: clockSkew,
    roles: mappings.map(({ claim, ...mapping }) => ({ ...mapping, claim: [claim].flat() })),
  }
}
