/** Blocks that are not the public internet: IANA's special-purpose registries (RFC 6890 and later), and what leads inside by another way. */

/**
 * IANA's IPv4 and IPv6 Special-Purpose Address Registries, as of 2025-10, with the multicast and deprecated blocks of
 * the address space registries. Every block is listed whole; `reachable` lists the parts of it that are public.
 */
export const specialPurpose: readonly (readonly [block: string, name: string])[] = [
  ['0.0.0.0/8', 'this network'],
  ['10.0.0.0/8', 'private use'],
  ['100.64.0.0/10', 'shared address space'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local, cloud metadata'],
  ['172.16.0.0/12', 'private use'],
  // 192.0.0.9 and .10 too: anycast of the nearest port control and relay server, which are the surrounding network's own.
  ['192.0.0.0/24', 'IETF protocol assignments'],
  ['192.0.2.0/24', 'documentation'],
  ['192.88.99.0/24', '6to4 and 6a44 relays, deprecated'],
  ['192.168.0.0/16', 'private use'],
  ['198.18.0.0/15', 'benchmarking'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved, limited broadcast'],
  ['168.63.129.16/32', 'Azure’s host (WireServer): a public address that leads inside'],
  ['::/96', 'unspecified, loopback, and IPv4-compatible (deprecated)'],
  ['::ffff:0:0/96', 'IPv4-mapped'],
  ['::ffff:0:0:0/96', 'IPv4-translated (SIIT)'],
  // The registry calls it reachable; but it is an IPv4 address in another form, and a translator may lead to private ones.
  ['64:ff9b::/96', 'IPv4 through NAT64'],
  ['64:ff9b:1::/48', 'IPv4 through local-use NAT64'],
  ['100::/64', 'discard only'],
  ['100:0:0:1::/64', 'dummy prefix'],
  // Among others Teredo, benchmarking, ORCHID and the anycast of the nearest server (2001:1::1 to ::3); ORCHIDv2 and
  // Drone Remote ID are identifiers, which lead anywhere only in an overlay.
  ['2001::/23', 'IETF protocol assignments'],
  ['2001:db8::/32', 'documentation'],
  ['2002::/16', '6to4: IPv4 by another name'],
  ['3fff::/20', 'documentation'],
  ['5f00::/16', 'segment routing (SRv6) SIDs'],
  ['fc00::/7', 'unique local'],
  ['fe80::/10', 'link-local'],
  ['fec0::/10', 'site-local, deprecated'],
  ['ff00::/8', 'multicast'],
]

/** Parts of the above that the registries call globally reachable and that lead out: the whole internet sees the same servers there. */
export const reachable: readonly string[] = ['2001:3::/32', '2001:4:112::/48']
