/** The schema of one named service of sallyport.yaml. */
import { z } from 'zod'
import { cidr, duration, name } from './quantities.ts'
import { plainUrl, secretHeaders } from './remote.ts'
import type { Secret } from './sourced-schema.ts'
import { requireShorterParts, timeoutsSchema } from './timeouts-schema.ts'

export function serviceSchema(secret: Secret) {
  const service = z.strictObject({
    name: name().describe('The name in `/services/<name>/…`.'),
    url: plainUrl().describe('The base URL; the caller’s path is appended.'),
    headers: secretHeaders(secret).describe('Headers that the gateway sets, replacing those of the caller.').prefault({}),
    timeout: duration().describe('Time until the head of the reply.').prefault('30s'),
    addresses: z
      .array(cidr())
      .describe('Blocks outside the public internet that its name may resolve to. Not needed for an address or `localhost` in the URL.')
      .prefault([]),
    timeouts: timeoutsSchema()
      .describe(
        'How long the parts of an exchange may take, whatever is granted. Of these and those of a capability or a rule, the shortest holds.',
      )
      .optional(),
  })
  // `timeout` has a default, which contradicts nobody.
  return service.superRefine(({ url, timeouts }, context) => {
    requireShorterParts({ timeouts }, context)
    if (timeouts?.tls !== undefined && url.startsWith('http:'))
      context.addIssue({ code: 'custom', path: ['timeouts', 'tls'], message: 'without TLS there is no handshake: leave it out' })
  })
}
