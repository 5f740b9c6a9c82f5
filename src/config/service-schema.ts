/** The schema of one named service of sallyport.yaml. */
import { z } from 'zod'
import { cidr, duration, name } from './quantities.ts'
import { plainUrl, secretHeaders } from './remote.ts'
import type { Secret } from './sourced-schema.ts'

export function serviceSchema(secret: Secret) {
  return z.strictObject({
    name: name().describe('The name in `/services/<name>/…`.'),
    url: plainUrl().describe('The base URL; the caller’s path is appended.'),
    headers: secretHeaders(secret).describe('Headers that the gateway sets, replacing those of the caller.').prefault({}),
    timeout: duration().describe('Time until the head of the reply.').prefault('30s'),
    addresses: z
      .array(cidr())
      .describe('Blocks outside the public internet that its name may resolve to. Not needed for an address or `localhost` in the URL.')
      .prefault([]),
  })
}
