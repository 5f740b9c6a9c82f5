/** A refusal as a status of gRPC: its code, a message that is safe in a header, and details that its libraries can read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal, toProblem } from '../../src/core/index.ts'
import { grpcAnswer, isGrpcType } from '../../src/ingress/grpc-status.ts'
import { eachCase } from '../support/cases.ts'

const fieldsOf = (refusal: Refusal) => {
  const { status, headers, body } = grpcAnswer(toProblem(refusal, 'id'))
  const fields = new Map(headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1] as string] as const] : [])))
  return { status, body, fields }
}

test('each kind of refusal has the code that a client of gRPC acts on', () =>
  eachCase(
    [
      ['malformed-request', '3'],
      ['policy-denied', '7'],
      ['suspended', '7'],
      ['killed', '7'],
      ['unidentified', '16'],
      ['payload-too-large', '8'],
      ['quota-exceeded', '8'],
      ['origin-unreachable', '14'],
      ['draining', '14'],
      ['origin-timeout', '4'],
      ['origin-first-byte-timeout', '4'],
      ['total-timeout', '4'],
      ['internal', '13'],
      ['conflict', '2'],
    ] as const,
    ([code, expected]) => {
      const { status, body, fields } = fieldsOf(new Refusal(code, 'why'))
      assert.deepEqual([status, body, fields.get('grpc-status'), fields.get('grpc-message')], [200, null, expected, `${code}: why`])
      assert.equal(fields.get('sallyport-problem'), code)
      assert.equal(fields.get('content-type'), 'application/grpc')
    },
  ))

test('a message is visible ASCII, whatever the detail holds', () => {
  const { fields } = fieldsOf(new Refusal('policy-denied', '100% – no\r\nx: y'))
  assert.equal(fields.get('grpc-message'), 'policy-denied: 100%25 %E2%80%93 no%0D%0Ax: y')
})

test('details are a google.rpc.Status, longer than a length of one byte as well', () => {
  const { fields } = fieldsOf(new Refusal('policy-denied', 'x'.repeat(300)))
  const details = Buffer.from(fields.get('grpc-status-details-bin') ?? '', 'base64')
  const message = `policy-denied: ${'x'.repeat(300)}`
  assert.deepEqual([...details.subarray(0, 5)], [0x08, 7, 0x12, (message.length & 0x7f) | 0x80, message.length >> 7])
  assert.equal(details.subarray(5, 5 + message.length).toString(), message)
  assert.equal(details[5 + message.length], 0x1a)
})

test('details name where the caller reads what it may do', () => {
  const { headers } = grpcAnswer(toProblem(new Refusal('policy-denied', 'why'), 'id', { selfUrl: 'http://127.0.0.1:3128/v1/self' }))
  const details = Buffer.from(headers[headers.indexOf('grpc-status-details-bin') + 1] ?? '', 'base64').toString('latin1')
  assert.ok(details.endsWith('\x1a\x25\x0a\x04self\x12\x1dhttp://127.0.0.1:3128/v1/self'), details)
})

test('what carries gRPC is told by its type', () => {
  eachCase(['application/grpc', 'application/grpc+proto', 'application/grpc;x=y'], (type) => assert.ok(isGrpcType(type)))
  eachCase(['application/grpc-web', 'application/json', ''], (type) => assert.equal(isGrpcType(type), false))
})
