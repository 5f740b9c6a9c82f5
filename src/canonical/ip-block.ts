/** IP addresses: their one spelling, as numbers, and blocks of them. What a block covers is calculated, within one family at a time. */
import { isIP } from 'node:net'

export interface IpAddress {
  readonly family: 4 | 6
  readonly value: bigint
}

/** The addresses of one family from `first` to `last`. */
export interface IpBlock {
  readonly family: 4 | 6
  readonly first: bigint
  readonly last: bigint
  /** Bits behind the prefix are set: `10.1.2.3/8`. */
  readonly ragged: boolean
}

/**
 * The one spelling of an address without brackets: dotted quad, or compressed in lower case (RFC 5952 §4), and an
 * IPv4-mapped address as the IPv4 address that it is. `null` for anything else, and for an address with a zone
 * (`fe80::1%eth0`), which only this machine understands.
 */
export function canonicalAddress(text: string): string | null {
  const family = isIP(text)
  if (family === 4) return text
  if (family === 0 || text.includes('%')) return null
  const compressed = new URL(`http://[${text}]`).hostname.slice(1, -1)
  const [, high = '', low = ''] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(compressed) ?? []
  if (high === '') return compressed
  const number = Number.parseInt(high, 16) * 65536 + Number.parseInt(low, 16)
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.')
}

/** `null` where the text is not an address, or has a zone (`fe80::1%eth0`), which only this machine understands. */
export function readAddress(text: string): IpAddress | null {
  if (text.includes(':'))
    return /^[\da-f:.]+$/i.test(text) && URL.canParse(`http://[${text}]`) ? { family: 6, value: valueOfV6(text) } : null
  const bytes = text.split('.')
  if (bytes.length !== 4 || !bytes.every((byte) => /^(?:0|[1-9]\d{0,2})$/.test(byte) && Number(byte) < 256)) return null
  return { family: 4, value: bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) }
}

/** `10.0.0.0/8`, `::1/128`, or one address. `null` where the text is not a block. */
export function readBlock(text: string): IpBlock | null {
  const [, given = '', bits] = /^([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? []
  const address = readAddress(given)
  if (address === null) return null
  const width = address.family === 4 ? 32 : 128
  const prefix = Number(bits ?? width)
  if (prefix > width) return null
  const host = (1n << BigInt(width - prefix)) - 1n
  const first = address.value & ~host
  return { family: address.family, first, last: first | host, ragged: first !== address.value }
}

/** An IPv4 address is in no IPv6 block, nor the other way round, however it is spelled. */
export function covers({ family, first, last }: IpBlock, address: IpAddress): boolean {
  return family === address.family && address.value >= first && address.value <= last
}

const mapped = { family: 6, first: 0xffffn << 32n, last: (0x10000n << 32n) - 1n } as const

/** Within `::ffff:0:0/96`: IPv4 by another name (RFC 4291 §2.5.5.2), which the IPv4 block is there to name. */
export function isMapped({ family, first, last }: Pick<IpBlock, 'family' | 'first' | 'last'>): boolean {
  return family === 6 && first >= mapped.first && last <= mapped.last
}

function valueOfV6(address: string): bigint {
  // WHATWG URL writes every spelling as hex groups, a dotted tail too.
  const [left = '', right] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const head = left === '' ? [] : left.split(':')
  const tail = right === undefined || right === '' ? [] : right.split(':')
  const groups = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => '0'), ...tail]
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n)
}
