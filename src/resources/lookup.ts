/** The resource kind `lookup`: the addresses of a name, for rules that ask for them (`net.lookup_ip_addr`). */
import { type LookupRequest, Permit, type Resource } from '../core/index.ts'
import type { ResolveName } from './egress/resolve.ts'

export function createLookupResource({ resolve }: { readonly resolve: ResolveName }): Resource<LookupRequest> {
  return {
    kind: 'lookup',
    claim: ({ target: { host } }) => ({
      facts: { host },
      subject: { host },
      origin: `lookup:${host}`,
      async perform(permit) {
        if (!Permit.isGenuine(permit)) throw new TypeError('an effect without a Permit')
        const addresses = (await resolve(host)).map(({ address }) => address)
        return { status: 200, headers: ['content-type', 'application/json'], body: Buffer.from(JSON.stringify(addresses)) }
      },
    }),
  }
}
