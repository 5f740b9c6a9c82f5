/** Redaction: every spelling of a known secret, whatever the cuts; telling names; linear time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { maskSpellings, spellings } from '../../src/redact/known-secrets.ts'
import { createRedactor } from '../../src/redact/redactor.ts'
import { Masker } from '../../src/redact/stream.ts'

const secrets = fc.string({ minLength: 8, maxLength: 40, unit: fc.constantFrom(...'abcdefXYZ0123456789-_/+="') })

test('a secret is masked raw, escaped, encoded, in hex and in base64 at every alignment', () => {
  fc.assert(
    fc.property(secrets, fc.string({ maxLength: 20, unit: fc.constantFrom(...'ghijk .,') }), (secret, around) => {
      const redactor = createRedactor([secret])
      const forms = [
        secret,
        JSON.stringify(secret).slice(1, -1),
        encodeURIComponent(secret),
        Buffer.from(secret).toString('hex'),
        Buffer.from(`${around}${secret}`).toString('base64'),
        Buffer.from(`${around}${secret}`).toString('base64url'),
      ]
      for (const form of forms) {
        const masked = redactor.text(`${around} ${form} ${around}`)
        assert.ok(!masked.includes(form), form)
        assert.ok(masked.includes('[redacted]'), masked)
      }
    }),
  )
})

test('wherever a body is cut, the output is that of the whole', () => {
  fc.assert(
    fc.property(
      fc.array(secrets, { minLength: 1, maxLength: 3 }),
      fc.array(fc.oneof(fc.nat({ max: 2 }), fc.string({ maxLength: 15 })), { maxLength: 12 }),
      fc.array(fc.nat({ max: 200 }), { maxLength: 10 }),
      (known, parts, cuts) => {
        const text = parts.map((part) => (typeof part === 'number' ? (known[part] ?? 'plain') : part)).join('')
        const all = known.flatMap(spellings).sort((a, b) => b.length - a.length)
        const masker = new Masker(all)
        const places = [...new Set([0, ...cuts.map((cut) => Math.min(cut, text.length)), text.length])].sort((a, b) => a - b)
        let out = ''
        for (let i = 1; i < places.length; i += 1) out += masker.add(text.slice(places[i - 1], places[i]))
        out += masker.end()
        for (const secret of known) assert.ok(!out.includes(secret))
        // Overlapping secrets may be masked in another order; without overlaps the outputs are the same.
        if (known.length === 1) assert.equal(out, maskSpellings(text, all))
      },
    ),
    { numRuns: 2000 },
  )
})

test('telling names are masked in queries, headers, URLs and texts', () => {
  const redactor = createRedactor([])
  redactor.setNames({ headers: ['x-own'], keys: ['ownkey'] })
  assert.equal(
    redactor.query('a=1&Access_Token=abc&ownkey=x&%74oken=y&b'),
    'a=1&Access_Token=[redacted]&ownkey=[redacted]&%74oken=[redacted]&b',
  )
  assert.deepEqual(redactor.headers(['Authorization', 'a', 'cookie', 'b', 'X-Own', 'c', 'Accept', 'd']), [
    'Authorization',
    '[redacted]',
    'cookie',
    '[redacted]',
    'X-Own',
    '[redacted]',
    'Accept',
    'd',
  ])
  assert.equal(
    redactor.text('see https://user:pass@host/x?token=abc&y=1 and Bearer abcdefgh'),
    'see https://[redacted]@host/x?token=[redacted]&y=1 and Bearer [redacted]',
  )
  assert.equal(redactor.text('an ordinary sentence = fine'), 'an ordinary sentence = fine')
})

test('a telling name is known in a text however it is spelled, and whatever was read before (nodejs/node#63785)', () => {
  const redactor = createRedactor([])
  redactor.document('{"x":1,"passwor\\\\":2}')
  assert.equal(redactor.document('{"x":1,"passwor\\u0064":"hunter2"}'), '{"x":1,"password":"[redacted]"}')
})

test('hostile text costs no more a character than ordinary text does', () => {
  const redactor = createRedactor(['known-secret-1', 'known-secret-2'])
  const cost = (unit: string, times: number) => {
    const text = unit.repeat(times)
    const began = process.cpuUsage().user
    redactor.text(text)
    return process.cpuUsage().user - began
  }
  for (const unit of ['a', 'a://', 'a=', '&token=', 'bearer ', '://@', 'known-secret-']) {
    cost(unit, 20_000)
    const small = Math.max(2000, cost(unit, 20_000))
    const large = cost(unit, 320_000)
    // Sixteen times the text: quadratic would be 256 times the work.
    assert.ok(large / small < 100, `${JSON.stringify(unit)}: ${small} -> ${large} µs`)
  }
})
