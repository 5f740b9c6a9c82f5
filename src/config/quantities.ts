/** Durations, sizes, rates and addresses as people write them in YAML. */
import { isIP } from 'node:net'
import { z } from 'zod'
import { canonicalAddress, isMapped, readBlock } from '../canonical/index.ts'
import { expectedDuration, expectedRate, expectedSize } from './quantity-suggestions.ts'

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const sizeUnits: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  KiB: 1024,
  MB: 1e6,
  MiB: 1024 ** 2,
  GB: 1e9,
  GiB: 1024 ** 3,
}
const rateUnits: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 }

const durationText = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/
const sizeText = /^(\d+(?:\.\d+)?)(|B|kB|KB|KiB|MB|MiB|GB|GiB)$/
const rateText = /^(\d+(?:\.\d+)?)(|B|kB|KB|KiB|MB|MiB|GB|GiB)\/(s|m|h)$/

/** Node's timers fire at once where a delay does not fit 31 bits. */
const maxDurationMs = 2 ** 31 - 1

/** `500ms`, `10s`, `2m`, `1h` → milliseconds, at least 1, at most 24 days. Zero could be read as "never" or as "at once". */
export const duration = () =>
  z
    .string(expectedDuration)
    .meta({ title: 'duration' })
    .regex(durationText, expectedDuration)
    .transform((text) => Math.round(parts(text, durationText, durationUnits)))
    .refine((durationMs) => durationMs > 0, 'a duration must be above zero, at least "1ms"')
    .refine((durationMs) => durationMs <= maxDurationMs, 'a duration may be 24 days at most')

/** The same with days, for what no timer waits for. */
export const longDuration = () =>
  z
    .string(expectedLongDuration)
    .meta({ title: 'duration' })
    .regex(/^\d+(?:\.\d+)?(?:s|m|h|d)$/, expectedLongDuration)
    .transform((text) => Math.round(parts(text, /^(\d+(?:\.\d+)?)(s|m|h|d)$/, { ...durationUnits, d: 24 * 3_600_000 })))
    .refine((durationMs) => durationMs > 0 && durationMs <= Number.MAX_SAFE_INTEGER, 'a duration must be above zero, and a number')

const expectedLongDuration = 'expected a duration such as "24h" or "90d"'

/** `65536`, `64KiB`, `10MB` → bytes, within `min` and `max`. */
export const size = (min = 0, max: number = Number.MAX_SAFE_INTEGER, expected = `expected a size between ${min} and ${max} bytes`) =>
  z
    .union([z.int(expectedSize).nonnegative(expectedSize), z.string().regex(sizeText, expectedSize)], expectedSize)
    .meta({ title: 'size' })
    .transform((given) => (typeof given === 'number' ? given : Math.round(parts(given, sizeText, sizeUnits))))
    .refine((bytes) => bytes >= min && bytes <= max, expected)

/** `50/s`, `2/m`, `10MB/s` → units per second. */
export const rate = () =>
  z
    .string(expectedRate)
    .meta({ title: 'rate' })
    .regex(rateText, expectedRate)
    .transform((text) => {
      const [, number = '', unit = '', per = 's'] = rateText.exec(text) ?? []
      return (Number(number) * (sizeUnits[unit] ?? 1)) / (rateUnits[per] ?? 1)
    })
    .refine((perSecond) => perSecond > 0 && perSecond <= Number.MAX_SAFE_INTEGER, 'a rate must be above zero, and a number')

function parts(text: string, form: RegExp, units: Readonly<Record<string, number>>): number {
  const [, number = '', unit = ''] = form.exec(text) ?? []
  return Number(number) * (units[unit] ?? 1)
}

/** `127.0.0.1:3128`, `[::1]:3128` → host and port; 0 asks for any free port. */
export const hostAndPort = () =>
  z
    .string('expected an address such as "127.0.0.1:3128"')
    .meta({ title: 'address:port' })
    .transform((text, context) => {
      const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
      const host = match?.[1] ?? match?.[2] ?? ''
      const port = Number(match?.[3] ?? -1)
      if (match === null || port > 65535 || (isIP(host) === 0 && host !== 'localhost')) {
        context.addIssue({ code: 'custom', message: 'expected an address and port such as "127.0.0.1:3128" or "[::1]:3128"' })
        return z.NEVER
      }
      if (host === 'localhost') return { host: '127.0.0.1', port }
      // One spelling, so that the same address twice is found. A zone belongs to this machine, as the listener does.
      return { host: (isIP(host) === 6 ? canonicalAddress(host) : null) ?? host, port }
    })

/** An address, alone or with its port, as `node:dns` takes servers. */
export const resolver = () =>
  z
    .string()
    .meta({ title: 'address' })
    .refine((text) => {
      const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text) ?? []
      const isAddress = isIP(text) !== 0 || isIP(v6 ?? '') === 6 || isIP(v4 ?? '') === 4
      return isAddress && Number(port ?? 53) > 0 && Number(port ?? 53) < 65_536
    }, 'expected a resolver such as "10.0.0.53", "10.0.0.53:5353" or "[fd00::53]:5353"')

/** `10.0.0.0/8`, `::1/128`, or a single address. */
export const cidr = () =>
  z
    .string()
    .meta({ title: 'block' })
    .superRefine((text, context) => {
      const problem = problemOfBlock(text)
      if (problem !== null) context.addIssue({ code: 'custom', message: problem })
    })

function problemOfBlock(text: string): string | null {
  const block = readBlock(text)
  if (block === null) return 'expected a block such as "10.0.0.0/8" or "fd00::/8", or one address'
  if (isMapped(block)) return 'an IPv4-mapped block admits nothing: name the IPv4 block itself, such as "10.0.0.0/8"'
  // 10.1.2.3/8 may mean one address or sixteen million.
  return block.ragged ? `bits behind the first ${text.split('/')[1]} are set: which block is meant?` : null
}

/** The names of integrations, services, listeners and roots: a DNS label, so that they can stand in a URL, a metric and a Kubernetes name. */
export const name = () =>
  z
    .string()
    .meta({ title: 'name' })
    .regex(
      /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
      'expected a name of lower-case letters, digits and inner hyphens, at most 63 characters',
    )
