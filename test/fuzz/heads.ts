/** Hostile heads, as parsers hand them over: whatever is read of one has one spelling, and whatever is not read is a refusal. */
import assert from 'node:assert/strict'
import { type Authority, canonicalHost, canonicalPath } from '../../src/canonical/index.ts'
import { type AccessRequest, type HttpRequest, type Identified, Refusal } from '../../src/core/index.ts'
import { takesEcdsa } from '../../src/ingress/client-hello.ts'
import { createAuthorities, readAbsoluteForm, readOriginForm, requestFrom } from '../../src/ingress/http-request.ts'
import { readHttp2Head } from '../../src/ingress/http2-head.ts'
import { forwardableTrailers } from '../../src/ingress/trailers.ts'
import { headersOf, queryOf } from '../../src/text/index.ts'
import { createPick, fieldsOf, targetOf } from '../differential/pick.ts'
import { hostileMethods, methods } from '../differential/spellings.ts'

const maxHeaderBytes = 16 * 1024
const judged: Authority = { host: 'api.example.com', port: 443 }
const authorities = [
  'api.example.com',
  'API.example.com.',
  'api.example.com:443',
  '[::1]:80',
  '0x7f.1',
  'a@b',
  'xn--a',
  '[::ffff:1.2.3.4]',
  '%61pi.example.com',
]
const never = { gone: false, onGone: () => () => {} }
const literal = [{ encodedSlash: 'literal', emptySegments: 'literal' }] as const
const who = {
  integration: { name: 'weather', network: literal, tokenHashes: [Buffer.alloc(32)], services: [] },
  identity: 'token',
} as unknown as Identified
/** Processor time of a thousand heads: one that costs so much is a hang. */
const maxMicrosPerThousand = 1_000_000

/** Throws with the head and the seed where it is neither read nor refused, or costs too much; answers with figures. */
export function fuzzHeads({ seed, inputs }: { readonly seed: number; readonly inputs: number }): string {
  const pick = createPick(seed)
  const known = createAuthorities()
  let read = 0
  let longestMicros = 0
  for (let done = 0; done < inputs; ) {
    const from = process.cpuUsage()
    for (const end = Math.min(inputs, done + 1000); done < end; done += 1) {
      const head = makeHead(pick)
      try {
        requireOneSpelling(readHead(head, known))
        read += 1
      } catch (error) {
        if (!(error instanceof Refusal)) throw new Error(`seed ${seed}: ${JSON.stringify(head)}`, { cause: error })
      }
    }
    const { user, system } = process.cpuUsage(from)
    longestMicros = Math.max(longestMicros, user + system)
    assert.ok(longestMicros < maxMicrosPerThousand, `a thousand heads took ${longestMicros} µs before the ${done}th; seed ${seed}`)
  }
  return `${inputs} heads, ${read} of them read; at most ${Math.round(longestMicros / 1000)} ms of processor time per thousand; seed ${seed}`
}

interface Head {
  readonly as: 'absolute form' | 'origin form' | 'HTTP/2' | 'trailers' | 'ClientHello'
  readonly method: string
  readonly target: string
  readonly authority: string
  readonly raw: readonly string[]
}

function makeHead(pick: ReturnType<typeof createPick>): Head {
  const { below, one, chance, either } = pick
  const bytes = (most: number) => Array.from({ length: below(most) }, () => String.fromCharCode(below(256))).join('')
  const authority = chance(0.9) ? one(authorities) : bytes(20)
  const target = chance(0.9) ? targetOf(pick) : bytes(30)
  const fields = fieldsOf(pick)
    .flat()
    .concat(chance(0.05) ? [bytes(10), bytes(20)] : [])
  // What costs most is what repeats.
  const many = chance(0.001)
    ? Array.from({ length: 400 }, () =>
        one([
          ['connection', 'a,'.repeat(15)],
          ['cookie', ';'],
          ['x-forwarded', ''],
          ['te', 'trailers'],
        ]),
      ).flat()
    : []
  const as = one(['absolute form', 'origin form', 'HTTP/2', 'HTTP/2', 'trailers', 'ClientHello'] as const)
  return { as, method: either(methods, hostileMethods), target, authority, raw: [...fields, ...many] }
}

/** `null` for what is no request. */
function readHead({ as, method, target, authority, raw }: Head, known: ReturnType<typeof createAuthorities>): AccessRequest | null {
  const arrival = (url: string) => {
    const rawHeaders = ['Host', authority, ...raw]
    const headers = Object.fromEntries(Object.entries(headersOf(rawHeaders)).map(([name, values]) => [name, values.join(', ')]))
    const req = { method, url, rawHeaders, headers, httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1 }
    return { req, res: {}, id: 'r', door: 'proxy', at: 0, hangup: never } as never
  }
  if (as === 'absolute form') return readAbsoluteForm(known, arrival(`http://${authority}${target}`), who)
  if (as === 'origin form') return readOriginForm(arrival(target), who, 'https', judged)
  if (as === 'trailers') forwardableTrailers(raw)
  else if (as === 'ClientHello') takesEcdsa(Buffer.from(target + raw.join(''), 'latin1'))
  else {
    const pseudo = [':method', method, ':scheme', 'https', ':authority', authority, ':path', target]
    const head = readHttp2Head(
      [...pseudo, ...raw.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text))],
      { scheme: 'https', judged },
      maxHeaderBytes,
    )
    const of = { id: 'r', door: 'intercept', at: 0, hangup: never } as const
    return requestFrom({ ...head, isHttp2: true, readBody: () => null }, { arrival: of, who, scheme: head.scheme, judged: head.judged })
  }
  return null
}

/** What was read of it would be read so again. */
function requireOneSpelling(request: AccessRequest | null): void {
  if (request === null) return
  const { target, headers } = request as HttpRequest
  assert.equal(canonicalHost(target.host.includes(':') ? `[${target.host}]` : target.host), target.host)
  if (target.path !== '*') assert.deepEqual(canonicalPath(target.path, literal), { path: target.path, query: '' })
  assert.ok(queryOf(target.query) !== null)
  assert.match(target.method, /^[A-Z][A-Z0-9_-]*$/)
  const names = Object.keys(headersOf(headers))
  assert.deepEqual(
    names.filter((name) => /^(?:connection|te|transfer-encoding|upgrade|keep-alive|proxy-.*|expect|via|x-forwarded.*)$/.test(name)),
    [],
  )
  assert.equal(headers.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length, 1)
}
