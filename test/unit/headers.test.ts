/** Which headers go on (security case 11). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '../../src/core/index.ts'
import { forwardableHeaders, soleHeader } from '../../src/ingress/headers.ts'
import { endToEnd } from '../../src/resources/http/reply-headers.ts'
import { eachCase } from '../support/cases.ts'

test('keeps order, case and duplicates of end-to-end headers', () => {
  const raw = ['Accept', 'a', 'X-One', '1', 'x-one', '2', 'Cookie', 'c=1']
  assert.deepEqual(forwardableHeaders(raw), raw)
})

test('drops hop-by-hop headers, proxy credentials and hearsay about the path taken', () => {
  const raw = [
    'Connection',
    'keep-alive',
    'Keep-Alive',
    't',
    'TE',
    'trailers',
    'Transfer-Encoding',
    'chunked',
    'Upgrade',
    'x',
    'Proxy-Authorization',
    's',
    'Proxy-Connection',
    'k',
    'X-Forwarded-Uri',
    '/',
    'X-FORWARDED-FOR',
    '1',
    'Forwarded',
    'f',
    'X-Original-URL',
    '/',
    'Host',
    'h',
    'Accept',
    'a',
  ]
  assert.deepEqual(forwardableHeaders(raw), ['Accept', 'a'])
})

for (const name of [
  'X-HTTP-Method-Override',
  'X-HTTP-Method',
  'X-Method-Override',
  'X-Original-Method',
  'X-Original-Path',
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-Host',
  'X-Forwarded',
  'X-Forwarded-For',
  'X-Forwarded-Prefix',
  'Forwarded',
  'Via',
  'Client-IP',
  'X-Client-IP',
  'X-Real-IP',
  'True-Client-IP',
  'CF-Connecting-IP',
  'Fastly-Client-IP',
  'X-Cluster-Client-IP',
  'X-ProxyUser-Ip',
  'Proxy',
  'X-HTTP-Verb-Override',
  'X-Verb-Override',
  'Method-Override',
  'X-MethodOverride',
  'X-Override-Method',
  'X-Original-Remote-Addr',
  'X-Rewrite-Path',
  'X-Waws-Unencoded-Url',
  'X-Forward-For',
  'X-Forwarder-For',
  'Forwarded-For-IP',
  'X-Vercel-Forwarded-For',
  'X-MS-Forwarded-Client-IP',
  'Real-IP',
  'X-Client-Addr',
  'X-ClientIP',
  'X-ARR-ClientIP',
  'X-Azure-ClientIP',
  'X-Sucuri-ClientIP',
  'Incap-Client-IP',
  'Fly-Client-IP',
  'Cluster-Client-IP',
  'DO-Connecting-IP',
  'X-NF-Client-Connection-IP',
  'Ali-CDN-Real-IP',
  'CDN-Src-IP',
  'X-Source-IP',
  'X-Envoy-Original-Dst-Host',
  'X-Envoy-Internal',
  'X-Middleware-Subrequest',
])
  test(`drops ${name}, in every spelling that an origin reads as it`, () => {
    const spellings = [
      name,
      name.toLowerCase(),
      name.toUpperCase(),
      name.replaceAll('-', '_'),
      name.replace('-', '_').toLowerCase(),
      name.replaceAll('-', '.'),
    ]
    assert.deepEqual(forwardableHeaders([...spellings.flatMap((spelling) => [spelling, 'x']), 'Accept', 'a']), ['Accept', 'a'])
  })

test('keeps headers of ordinary clients that only look alike', () => {
  const raw = [
    'X-Method-Name',
    'X-Api-Version',
    'X-Client-Id',
    'X-Requested-With',
    'X-HTTP-Client',
    'Client',
    'X-Amz-Date',
    'Git-Protocol',
    'Proxying',
    'Access-Control-Request-Method',
    'Max-Forwards',
    'Destination',
    'X-Original-Filename',
    'X-Payment-Method',
    'X-Remote-User',
    'X-Client-Version',
    'X-Source',
    'X.Odd~Name',
  ]
  const list = raw.flatMap((name) => [name, '1'])
  assert.deepEqual(forwardableHeaders(list), list)
})

test('drops what Connection names', () => {
  assert.deepEqual(forwardableHeaders(['X-Secret-Hop', '1', 'Connection', 'close, x-secret-HOP', 'Accept', 'a']), ['Accept', 'a'])
})

for (const name of ['authorization', 'Host', 'content-length'])
  test(`refuses a Connection that names a header which carries meaning: ${name}`, () => {
    assert.throws(() => forwardableHeaders(['Connection', name]), Refusal)
  })

test('refuses a second copy of a header that must stand once', () => {
  assert.equal(soleHeader(['A', '1', 'HOST', 'h'], 'host'), 'h')
  assert.equal(soleHeader(['A', '1'], 'host'), null)
  assert.throws(() => soleHeader(['Host', 'h', 'host', 'h'], 'host'), Refusal)
})

test('as many Connection headers as a head has room for cost what is in them, and not that squared', () => {
  const many = Array.from({ length: 400_000 }, (_, index) => (index % 2 === 0 ? 'Connection' : `x-${index}`))
  const { user } = process.cpuUsage()
  assert.deepEqual(forwardableHeaders([...many, 'x-1', 'dropped', 'x-2', 'kept']), ['x-2', 'kept'])
  assert.deepEqual(endToEnd([...many, 'x-1', 'dropped', 'x-2', 'kept']), ['x-2', 'kept'])
  // Copying the names that were there before takes minutes; this takes a tenth of a second.
  assert.ok(process.cpuUsage().user - user < 10_000_000)
})

test('an origin cannot pass its errors off as the gateway’s, and its own Proxy-Status is passed on', () => {
  eachCase(['sallyport; error=http_request_denied', 'cdn, sallyport', '"sallyport"', ' SALLYPORT ;x'], (forged) =>
    assert.deepEqual(endToEnd(['Proxy-Status', forged, 'Sallyport-Problem', 'policy-denied']), [], forged),
  )
  eachCase(['cdn.example; error=dns_error', 'sallyport.example; received-status=502', 'cdn; details="sallyport"'], (own) =>
    assert.deepEqual(endToEnd(['Proxy-Status', own]), ['Proxy-Status', own]),
  )
})
