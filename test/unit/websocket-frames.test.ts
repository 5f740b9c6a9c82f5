/** What passes as the frames of a WebSocket, and what ends it (RFC 6455 §5, RFC 7692 §6). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Direction } from '../../src/websocket/bounds.ts'
import { FrameFault } from '../../src/websocket/close.ts'
import { eachCase } from '../support/cases.ts'
import { callersFrame, frame } from '../support/websocket.ts'

function direction(options: Partial<ConstructorParameters<typeof Direction>[0]> = {}) {
  const clock = { ms: 0 }
  const bounds = {
    maxMessageBytes: 1000,
    messagesPerSecond: 10,
    isMasked: false,
    mayCompress: false,
    now: () => clock.ms,
    inspection: null,
    ...options,
  }
  return { clock, passing: new Direction(bounds) }
}

const faults: readonly (readonly [string, Buffer[], number, Partial<ConstructorParameters<typeof Direction>[0]>?])[] = [
  ['a mask from the destination', [callersFrame('x')], 1002],
  ['no mask from the caller', [frame('x')], 1002, { isMasked: true }],
  ['a reserved bit', [frame('x', { reserved: 2 })], 1002, { mayCompress: true }],
  ['compression that was not agreed on', [frame('x', { reserved: 4 })], 1002],
  [
    'compression that begins within a message',
    [frame('x', { isFinal: false }), frame('x', { opcode: 0, reserved: 4 })],
    1002,
    { mayCompress: true },
  ],
  ['a compressed control frame', [frame('x', { opcode: 9, reserved: 4 })], 1002, { mayCompress: true }],
  ['an opcode of no meaning', [frame('x', { opcode: 3 })], 1002],
  ['a control opcode of no meaning', [frame('x', { opcode: 11 })], 1002],
  ['a continuation of nothing', [frame('x', { opcode: 0 })], 1002],
  ['a continuation of what has ended', [frame('x'), frame('x', { opcode: 0 })], 1002],
  ['a message within a message', [frame('x', { isFinal: false }), frame('x')], 1002],
  ['a fragmented ping', [frame('x', { opcode: 9, isFinal: false })], 1002],
  ['a ping of 126 bytes', [frame('x'.repeat(126), { opcode: 9 })], 1002],
  ['half a close code', [frame('x', { opcode: 8 })], 1002],
  ['a frame behind a Close', [frame('', { opcode: 8 }), frame('x')], 1002],
  ['a ping behind a Close', [frame('', { opcode: 8 }), frame('', { opcode: 9 })], 1002],
  ['a length of two bytes that fits into the head', [Buffer.from([0x82, 126, 0, 125])], 1002],
  ['a length of eight bytes that fits into two', [Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff])], 1002],
  ['a length of 2^63', [Buffer.from([0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0])], 1009],
  ['a frame beyond the bound', [frame('', { bytes: 1001 })], 1009],
  ['fragments that are too many together', [frame('x'.repeat(999), { isFinal: false }), frame('xx', { opcode: 0 })], 1009],
]

for (const [what, frames, code, options] of faults)
  test(`${what} ends it with ${code}, however it is cut into chunks`, () => {
    const bytes = Buffer.concat(frames)
    eachCase([bytes.byteLength, 1, 2, 3, 7], (size) => {
      const { passing } = direction(options)
      const chunks = Array.from({ length: Math.ceil(bytes.byteLength / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
      assert.throws(
        () => chunks.map((chunk) => passing.check(chunk)),
        (error) => error instanceof FrameFault && error.closeCode === code,
      )
    })
  })

const lengths = [0, 1, 125, 126, 127, 0xffff, 0x1_0000, 100_000]
const messages = fc.array(
  fc.record({
    fragments: fc.array(fc.constantFrom(...lengths), { minLength: 1, maxLength: 4 }),
    pings: fc.boolean(),
    isCompressed: fc.boolean(),
    opcode: fc.constantFrom(1, 2),
  }),
  { maxLength: 6 },
)

test('well-formed frames of every length pass, cut anywhere, and each message is counted once', () => {
  fc.assert(
    fc.property(messages, fc.boolean(), fc.array(fc.nat(70_000), { maxLength: 20 }), (given, isMasked, cuts) => {
      const { passing } = direction({ isMasked, mayCompress: true, maxMessageBytes: 1_000_000, messagesPerSecond: 1_000_000 })
      const bytes = Buffer.concat(
        given.flatMap(({ fragments, pings, isCompressed, opcode }) =>
          fragments.flatMap((length, i) => [
            frame('x'.repeat(length), {
              isMasked,
              opcode: i === 0 ? opcode : 0,
              isFinal: i === fragments.length - 1,
              reserved: isCompressed && i === 0 ? 4 : 0,
            }),
            ...(pings ? [frame('ping', { isMasked, opcode: 9 })] : []),
          ]),
        ),
      )
      const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.byteLength)), bytes.byteLength].toSorted((a, b) => a - b)
      const waits = places.slice(1).map((place, i) => passing.check(bytes.subarray(places[i], place)))
      assert.ok(waits.every((ms) => ms === 0))
      assert.deepEqual([passing.messages, passing.mayFollow], [given.length, true])
    }),
    { numRuns: 200 },
  )
})

test('nothing of the gateway’s own may follow half a frame, half a head, or a Close', () => {
  eachCase([frame('abc').subarray(0, 3), frame('abc').subarray(0, 1), frame('', { opcode: 8 })], (bytes) => {
    const { passing } = direction()
    passing.check(bytes)
    assert.equal(passing.mayFollow, false)
  })
})

test('what is refused is not counted as passed: before it a frame of the gateway’s own may follow', () => {
  const { passing } = direction()
  passing.check(frame('whole'))
  assert.throws(() => passing.check(Buffer.concat([frame('whole'), frame('half', { opcode: 3 })])), FrameFault)
  assert.equal(passing.mayFollow, true)
})

test('messages, pings and fragments without content take of the rate; fragments of a message do not', () => {
  const kinds: readonly (readonly [string, Buffer, number])[] = [
    ['messages', frame('x'), 100],
    ['pings', frame('', { opcode: 9 }), 100],
  ]
  eachCase(kinds, ([, kind, ms]) => {
    const { passing } = direction()
    assert.equal(passing.check(Buffer.concat(Array(10).fill(kind))), 0)
    assert.ok(Math.abs(passing.check(kind) - ms) < 1e-6)
  })
  const { passing } = direction()
  passing.check(frame('x', { isFinal: false }))
  assert.equal(passing.check(Buffer.concat(Array(100).fill(frame('x', { opcode: 0, isFinal: false })))), 0)
  assert.ok(passing.check(Buffer.concat(Array(10).fill(frame('', { opcode: 0, isFinal: false })))) > 0)
})

test('a second without messages fills the bucket again, and no more than that', () => {
  const { passing, clock } = direction()
  const ten = Buffer.concat(Array(10).fill(frame('x')))
  passing.check(ten)
  clock.ms = 60_000
  assert.equal(passing.check(ten), 0)
  assert.ok(Math.abs(passing.check(ten) - 1000) < 1e-6)
})
