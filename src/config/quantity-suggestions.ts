/** Suggests what a quantity in another notation most likely means; suggested, never assumed. */

/** As zod's checks take what they say. */
export const expectedDuration = said('a duration such as "500ms", "10s" or "2m"', meantDuration)
export const expectedSize = said('a size such as 65536, "64KiB" or "10MB"', meantSize)
export const expectedRate = said('a rate such as "50/s", "2/m" or "10MB/s"', meantRate)

function said(form: string, meant: (text: string) => string | null): { error: (issue: { readonly input?: unknown }) => string } {
  return {
    error({ input }) {
      if (input === undefined) return `is missing; expected ${form}`
      const guess = typeof input === 'string' || typeof input === 'number' ? meant(String(input).slice(0, 40)) : null
      return `expected ${form}${guess === null ? '' : `; did you mean "${guess}"?`}`
    },
  }
}

const spelledDuration = /^(\d+(?:\.\d+)?)\s*(|ms|msecs?|millis(?:econds?)?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)$/i

function meantDuration(text: string): string | null {
  const [, number = '', unit = ''] = spelledDuration.exec(text) ?? []
  if (number === '') {
    // Go and Prometheus write 1m30s.
    const [, minutes, seconds] = /^(\d+)m(\d+)s$/.exec(text) ?? []
    return minutes === undefined ? null : `${Number(minutes) * 60 + Number(seconds)}s`
  }
  const lower = unit.toLowerCase()
  if (lower.startsWith('d')) return `${Number(number) * 24}h`
  const short = lower === '' ? 's' : /^(?:ms|mil)/.test(lower) ? 'ms' : lower.slice(0, 1)
  return `${number}${short}`
}

/** `32K` is 32,768 bytes to most who write it. */
function meantSize(text: string): string | null {
  const [, number = '', prefix = '', binary = '', byte = ''] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)(b|bytes?)?$/i.exec(text) ?? []
  if (number === '') return null
  const isBinary = binary !== '' || byte === ''
  if (prefix.toLowerCase() === 't') return isBinary ? `${Number(number) * 1024}GiB` : `${Number(number) * 1000}GB`
  if (prefix === '') return byte === '' ? null : number
  return `${number}${prefix.toUpperCase()}${isBinary ? 'i' : ''}B`
}

function meantRate(text: string): string | null {
  const spelled = /^([^/]+?) *r?ps()$/i.exec(text) ?? /^([^/]+?) *(?:\/ *|per +)([a-z]+)$/i.exec(text) ?? [text, text, '']
  const [, amount = '', per = ''] = spelled
  const [unit = 's'] = per.toLowerCase()
  if (per !== '' && !/^(?:s|m|h|d|sec|min|hour|day|second|minute|hr)s?$/i.test(per)) return null
  const number = /^\d+(?:\.\d+)?$/.test(amount) ? amount : meantSize(amount)
  if (number === null) return null
  if (unit !== 'd') return `${number}/${unit}`
  return Number.isInteger(Number(number) / 24) ? `${Number(number) / 24}/h` : null
}
