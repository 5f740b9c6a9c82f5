/** The resource kind `lookup`: the addresses of a name, for rules that ask for them (`net.lookup_ip_addr`). */
import { type LookupRequest, Permit, type Resource, shareOf } from '../core/index.ts'
import { type ResolveName, resolveOrRefuse, within } from '../egress/index.ts'
export interface LookupResourceOptions {
  readonly resolve: ResolveName
  readonly timeoutMs: number
}

export function createLookupResource({ resolve, timeoutMs }: LookupResourceOptions): Resource<LookupRequest> {
  return {
    kind: 'lookup',
    claim: ({ target: { host }, integration, hangup }) => ({
      facts: { host },
      subject: { host },
      origin: `lookup:${host}`,
      async perform(permit) {
        if (!Permit.isGenuine(permit)) throw new TypeError('an effect without a Permit')
        const found = await within(timeoutMs, `no answer about ${host}`, hangup, (signal) =>
          resolveOrRefuse(resolve, host, shareOf(integration), signal),
        )
        const addresses = found.map(({ address }) => address)
        return { status: 200, headers: ['content-type', 'application/json'], body: Buffer.from(JSON.stringify(addresses)) }
      },
    }),
  }
}
