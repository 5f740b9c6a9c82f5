/** `net.cidr_contains` of plain IPv4; all else (IPv6, mapped addresses, other spellings) is left to OPA's own library. */

/** Values as text. `undefined`: not such a case. */
export function cidrContains(block: string, address: string): string | undefined {
  const [, network = '', bits = ''] = /^"([\d.]+)\/(\d|[12]\d|3[012])"$/.exec(block) ?? []
  const [, host = ''] = /^"([\d.]+)"$/.exec(address) ?? []
  const [base, asked] = [numberOf(network), numberOf(host)]
  if (base === null || asked === null) return undefined
  const size = 2 ** (32 - Number(bits))
  return String(Math.floor(base / size) === Math.floor(asked / size))
}

function numberOf(text: string): number | null {
  const parts = text.split('.')
  const plain = parts.length === 4 && parts.every((part) => /^(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])$/.test(part))
  return plain ? parts.reduce((number, part) => number * 256 + Number(part), 0) : null
}
