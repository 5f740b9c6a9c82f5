/** The resource kind `lookup`: the addresses of a name, for rules that ask for them (`net.lookup_ip_addr`). */
import { Claim, type Effect, type LookupRequest, type Resource, shareOf } from '../core/index.ts'
import { type ResolveName, resolveOrRefuse, withDeadline } from '../egress/index.ts'
export interface LookupResourceOptions {
  readonly resolve: ResolveName
  readonly timeoutMs: number
}

export function createLookupResource({ resolve, timeoutMs }: LookupResourceOptions): Resource<LookupRequest> {
  const perform: Effect<LookupRequest> = async ({ request: { target, integration, hangup } }) => {
    const { host } = target
    const found = await withDeadline(timeoutMs, `no answer about ${host}`, hangup, (signal) =>
      resolveOrRefuse(resolve, host, shareOf(integration), signal),
    )
    const addresses = found.map(({ address }) => address)
    return { status: 200, headers: ['content-type', 'application/json'], body: Buffer.from(JSON.stringify(addresses)) }
  }
  return {
    kind: 'lookup',
    claim(request) {
      const { host } = request.target
      return Claim.of(request, perform, { facts: { host }, subject: { host }, origin: `lookup:${host}` })
    },
  }
}
