/** The URL of /v1/self is the address that the caller came by, as clients write it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { selfUrlOf } from '../../src/ingress/index.ts'
import { leadsToSelf } from '../../src/ingress/self-url.ts'
import { eachCase } from '../support/cases.ts'

const socket = (localAddress?: string, localPort?: number) => ({ localAddress, localPort }) as never

test('an address of either family has the form of URLs, and the default port is left out', () =>
  eachCase(
    [
      ['127.0.0.1', 3128, 'http://127.0.0.1:3128/v1/self'],
      ['::ffff:10.0.0.1', 80, 'http://10.0.0.1/v1/self'],
      ['::1', 8080, 'http://[::1]:8080/v1/self'],
    ] as const,
    ([address, port, expected]) => {
      assert.equal(selfUrlOf(socket(address, port)), expected)
      assert.equal(new URL(expected).href, expected)
    },
  ))

test('a Unix socket has none, and no tunnel leads to it', () => {
  assert.equal(selfUrlOf(socket()), null)
  assert.equal(leadsToSelf('127.0.0.1:80', socket()), false)
})

test('a CONNECT names the port, the default one too', () => {
  assert.equal(leadsToSelf('10.0.0.1:80', socket('::ffff:10.0.0.1', 80)), true)
  assert.equal(leadsToSelf('10.0.0.1:81', socket('::ffff:10.0.0.1', 80)), false)
})
