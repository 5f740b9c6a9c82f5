/** IANA's special-purpose registries as data, and addresses beside each of their blocks. */

export interface SpecialBlock {
  readonly block: string
  readonly name: string
  /** The column "Globally Reachable": `null` is "N/A". */
  readonly reachable: boolean | null
}

const row = (block: string, name: string, reachable: boolean | null): SpecialBlock => ({ block, name, reachable })

/** https://www.iana.org/assignments/iana-ipv4-special-registry (RFC 6890, 8190). */
export const ipv4Registry: readonly SpecialBlock[] = [
  row('0.0.0.0/8', '"This network"', false),
  row('0.0.0.0/32', '"This host on this network"', false),
  row('10.0.0.0/8', 'Private-Use', false),
  row('100.64.0.0/10', 'Shared Address Space', false),
  row('127.0.0.0/8', 'Loopback', false),
  row('169.254.0.0/16', 'Link Local', false),
  row('172.16.0.0/12', 'Private-Use', false),
  row('192.0.0.0/24', 'IETF Protocol Assignments', false),
  row('192.0.0.0/29', 'IPv4 Service Continuity Prefix', false),
  row('192.0.0.8/32', 'IPv4 dummy address', false),
  row('192.0.0.9/32', 'Port Control Protocol Anycast', true),
  row('192.0.0.10/32', 'Traversal Using Relays around NAT Anycast', true),
  row('192.0.0.170/32', 'NAT64/DNS64 Discovery', false),
  row('192.0.0.171/32', 'NAT64/DNS64 Discovery', false),
  row('192.0.2.0/24', 'Documentation (TEST-NET-1)', false),
  row('192.31.196.0/24', 'AS112-v4', true),
  row('192.52.193.0/24', 'AMT', true),
  row('192.88.99.0/24', 'Deprecated (6to4 Relay Anycast)', null),
  row('192.88.99.2/32', '6a44-relay anycast address', false),
  row('192.168.0.0/16', 'Private-Use', false),
  row('192.175.48.0/24', 'Direct Delegation AS112 Service', true),
  row('198.18.0.0/15', 'Benchmarking', false),
  row('198.51.100.0/24', 'Documentation (TEST-NET-2)', false),
  row('203.0.113.0/24', 'Documentation (TEST-NET-3)', false),
  row('240.0.0.0/4', 'Reserved', false),
  row('255.255.255.255/32', 'Limited Broadcast', false),
]

/** https://www.iana.org/assignments/iana-ipv6-special-registry (RFC 6890, 8190). */
export const ipv6Registry: readonly SpecialBlock[] = [
  row('::1/128', 'Loopback Address', false),
  row('::/128', 'Unspecified Address', false),
  row('::ffff:0:0/96', 'IPv4-mapped Address', false),
  row('64:ff9b::/96', 'IPv4-IPv6 Translation', true),
  row('64:ff9b:1::/48', 'IPv4-IPv6 Translation', false),
  row('100::/64', 'Discard-Only Address Block', false),
  row('100:0:0:1::/64', 'Dummy IPv6 Prefix', false),
  row('2001::/23', 'IETF Protocol Assignments', false),
  row('2001::/32', 'TEREDO', null),
  row('2001:1::1/128', 'Port Control Protocol Anycast', true),
  row('2001:1::2/128', 'Traversal Using Relays around NAT Anycast', true),
  row('2001:1::3/128', 'DNS-SD Service Registration Protocol Anycast', true),
  row('2001:2::/48', 'Benchmarking', false),
  row('2001:3::/32', 'AMT', true),
  row('2001:4:112::/48', 'AS112-v6', true),
  row('2001:10::/28', 'Deprecated (previously ORCHID)', null),
  row('2001:20::/28', 'ORCHIDv2', true),
  row('2001:30::/28', 'Drone Remote ID Protocol Entity Tags (DETs) Prefix', true),
  row('2001:db8::/32', 'Documentation', false),
  row('2002::/16', '6to4', null),
  row('2620:4f:8000::/48', 'Direct Delegation AS112 Service', true),
  row('3fff::/20', 'Documentation', false),
  row('5f00::/16', 'Segment Routing (SRv6) SIDs', false),
  row('fc00::/7', 'Unique-Local', false),
  row('fe80::/10', 'Link-Local Unicast', false),
]

/**
 * Special as well, from elsewhere: multicast (RFC 5771, 4291), IPv4-compatible, IPv4-translated (RFC 2765 §2.1) and
 * site-local (RFC 3879) addresses, and Azure's WireServer, a public address that is answered by the virtual machine's host.
 */
export const alsoSpecial: readonly SpecialBlock[] = [
  row('224.0.0.0/4', 'Multicast', false),
  row('168.63.129.16/32', 'Azure WireServer', false),
  row('::/96', 'IPv4-compatible', false),
  row('::ffff:0:0:0/96', 'IPv4-translated', false),
  row('fec0::/10', 'Site-local', false),
  row('ff00::/8', 'Multicast', false),
]

/**
 * Reachable, says the registry, and not dialled all the same without its block: anycast that the surrounding network
 * answers, an IPv4 address by another name, and identifiers that only an overlay routes.
 */
export const deniedAllTheSame: ReadonlySet<string> = new Set([
  '192.0.0.9/32',
  '192.0.0.10/32',
  '64:ff9b::/96',
  '2001:1::1/128',
  '2001:1::2/128',
  '2001:1::3/128',
  '2001:20::/28',
  '2001:30::/28',
])

/** First and last address of a block, and the neighbours before and after it where the family has any. */
export function edgesOf(block: string): { first: string; last: string; before: string | null; after: string | null } {
  const { first, last, width } = rangeOf(block)
  const write = width === 32 ? toV4 : toV6
  return {
    first: write(first),
    last: write(last),
    before: first === 0n ? null : write(first - 1n),
    after: last === (1n << BigInt(width)) - 1n ? null : write(last + 1n),
  }
}

export function holds(block: string, address: string): boolean {
  if (block.includes(':') !== address.includes(':')) return false
  const { first, last } = rangeOf(block)
  const value = numberOf(address)
  return value >= first && value <= last
}

function rangeOf(block: string): { first: bigint; last: bigint; width: number } {
  const [address = '', prefix] = block.split('/')
  const width = address.includes(':') ? 128 : 32
  const first = numberOf(address)
  return { first, last: first + (1n << BigInt(width - Number(prefix))) - 1n, width }
}

/** Takes what stands in the tables above: four numbers, or hex groups and one `::` at most. */
function numberOf(address: string): bigint {
  if (!address.includes(':')) return BigInt(Buffer.from(address.split('.').map(Number)).readUInt32BE())
  const [head = '', tail = ''] = address.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const zeros = Array<string>(8 - groups(head).length - groups(tail).length).fill('0')
  return [...groups(head), ...zeros, ...groups(tail)].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n)
}

function toV4(value: bigint): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(Number(value))
  return bytes.join('.')
}

function toV6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
