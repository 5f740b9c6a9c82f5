/** The schema of one named service of sallyport.yaml. */
import { z } from 'zod'
import { cidr, duration, name } from './quantities.ts'
import { plainUrl, secretHeaders } from './remote.ts'
import type { Secret } from './sourced.ts'

export function serviceSchema(secret: Secret) {
  return z.strictObject({
    name: name().describe('The name in `/services/<name>/…`.'),
    url: plainUrl().describe('Where it is; its path goes before the caller’s.'),
    headers: secretHeaders(secret).describe('Headers that the gateway sets, whatever the caller sent.').prefault({}),
    timeout: duration().describe('Until the head of the reply.').prefault('30s'),
    addresses: z
      .array(cidr())
      .describe('Blocks outside the public internet that its name may resolve to. An address or `localhost` in the URL needs none.')
      .prefault([]),
  })
}
