/** Which addresses may be dialled: the public internet, plus what a capability names, never the gateway itself. */
import { BlockList, isIP } from 'node:net'
import { Refusal } from '../../core/index.ts'

/** Answers whether an address and port are this gateway's own (its doors, its operator's side). */
export type IsOwn = (address: string, port: number) => boolean

export interface AddressRule {
  /** Throws `Refusal('address-denied')`. `allowed`: CIDR blocks beyond the public internet. `host` is for the message. */
  judge(host: string, address: string, port: number, allowed: readonly string[]): void
}

/** IANA special-purpose registries (RFC 6890 and later): what is not globally reachable, or reaches an IPv4 address by another name. */
const special = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // Unspecified, loopback, mapped, NAT64 (RFC 6052, 8215), discard, Teredo and the rest of 2001::/23, documentation, 6to4, SRv6, ULA, link-local, site-local, multicast.
  '::/128',
  '::1/128',
  '::/96',
  '::ffff:0:0/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
] as const

export function createAddressRule(isOwn: IsOwn): AddressRule {
  const denied = blockList(special)
  // Capabilities come from manifests: few, and long-lived.
  const lists = new WeakMap<readonly string[], BlockList>()
  return {
    judge(host, address, port, allowed) {
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
      if (isOwn(address, port)) throw new Refusal('address-denied', `${host} leads back to this gateway`)
      if (!denied.check(address, family)) return
      if (allowed.length > 0) {
        let list = lists.get(allowed)
        if (list === undefined) {
          list = blockList(allowed)
          lists.set(allowed, list)
        }
        // An IPv4 block must not admit the IPv6 spellings of its addresses, which other hosts may route.
        if (list.check(address, family) && !(family === 'ipv6' && /^::ffff:/i.test(address))) return
      }
      throw new Refusal(
        'address-denied',
        `${host} resolves to an address outside the public internet; the capability must name its block under "addresses"`,
      )
    },
  }
}

function blockList(blocks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const block of blocks) {
    const [address = '', prefix] = block.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    list.addSubnet(address, prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix), family)
  }
  return list
}
