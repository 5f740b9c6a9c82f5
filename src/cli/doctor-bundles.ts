/** What `sallyport doctor` says of bundles and the servers that they come from, without asking any of them. */

import { persistedBundles } from '../bundles/index.ts'
import type { Config } from '../config/index.ts'

/** Throws where a bundle of this machine is bad. */
export async function checkBundles(config: Config): Promise<string | { warn: string }> {
  const { bundles, servers } = config.policy
  if (bundles.length === 0) return 'none are configured'
  const open = servers.filter(({ url }) => url.protocol === 'http:' && !isLoopback(url.hostname))
  const warnings = [
    ...open
      .filter(({ bearer, headers }) => bearer !== null || headers.length > 0)
      .map(({ name }) => `${name}: its token travels in the clear`),
    ...bundles
      .filter(({ place, signing }) => signing === null && place.kind === 'server' && open.some(({ name }) => name === place.server))
      .map(({ name }) => `${name}: neither signed nor over TLS, so an attacker on the network can change the policy`),
  ]
  const { missing } = await persistedBundles(config)
  if (missing.length > 0) warnings.push(`not here yet, so that everything is denied until a server sends them: ${missing.join(', ')}`)
  return warnings.length > 0 ? { warn: warnings.join('\n') } : bundles.map(({ name }) => name).join(', ')
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname)
}
