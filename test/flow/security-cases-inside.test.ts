/** The security cases inside an interception: what a request says has the same verdict in HTTP/1.1 and in HTTP/2, over IPv4 and over IPv6. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant } from '../support/grant.ts'
import type { Asked } from '../support/inside-callers.ts'
import { areRefused, both, families, insideName, startInside } from '../support/inside-cases.ts'
import { pathCases } from '../support/path-cases.ts'
import { rego } from '../support/rego.ts'
import { onlyWith } from '../support/tools.ts'
import { openInside } from '../support/tunnel.ts'

const compilerTest = await onlyWith(test, 'compiler')

/** As they come over the wire. */
const spelled = (host: string) => Buffer.from(host.replace('NAME', insideName)).toString('latin1')
const spelledAlike = ['CASE.LOCALHOST', 'case.localhost.', 'Case.localhost']
const otherHosts = [
  ...['[NAME]', 'NAME..', '.NAME', 'NAME%2e', '', 'other.example', 'NAME.evil', 'localhost', '127.0.0.1', '[::1]', '[NAME', 'NAME%00'],
  `${'a'.repeat(64)}.com`,
].map(spelled)
/** nghttp2 leaves out a field with one of these: the gateway and the origin see what is left. */
const noHosts = [
  ...['NAME\0', 'evil\0.NAME', 'ca\tse.localhost', 'NAME\\', 'NAME#', 'a@NAME', 'ｃase.localhost', 'ca\u00adse.localhost', 'NAME\u3002'],
].map(spelled)
const json = ['Content-Type', 'application/json'] as const

for (const family of families) {
  const { address, options } = family
  const namesOf = (rawHeaders: readonly string[]) =>
    rawHeaders
      .filter((_, i) => i % 2 === 0)
      .join(' ')
      .toLowerCase()

  test(`cases 1, 2, 7: no other host, and no spelling of one, is answered inside over ${address}`, options, async (t) => {
    const { origin, verdicts, refusedTunnel } = await startInside(t, family)
    const at = (host: string) => `${host}:${origin.port}`
    await eachCase([...otherHosts, ...noHosts], async (host) => {
      assert.ok(areRefused(await verdicts({ target: '/v1/a', authority: at(host) })))
      assert.match(await refusedTunnel(at(host)), /^HTTP\/1\.1 (?:400|403) /)
    })
    await eachCase(otherHosts, async (host) => assert.ok(areRefused(await verdicts({ target: '/v1/a', fields: [['Host', at(host)]] }))))
    assert.ok(areRefused(await verdicts({ target: '/v1/a', authority: `${insideName}:1` })))
    assert.ok(areRefused(await verdicts({ target: `https://${at(insideName)}/v1/a` })))
    assert.equal(origin.connections(), 0)

    await eachCase(noHosts, async (host) =>
      assert.deepEqual(await verdicts({ target: '/v1/a', fields: [['Host', at(host)]] }), ['malformed-request', 'served']),
    )
    await eachCase(spelledAlike, async (host) => assert.deepEqual(await verdicts({ target: '/v1/a', authority: at(host) }), both('served')))
    assert.ok(origin.requests.every(({ rawHeaders }) => rawHeaders[1] === at(insideName)))
  })

  test(`case 7: a handshake for another name than the CONNECT’s fails, whatever it offers, over ${address}`, options, async (t) => {
    const { installation, origin, to } = await startInside(t, family)
    await eachCase(['h2', 'http/1.1'], (version) =>
      assert.rejects(openInside(installation, { ...to, servername: 'other.example', tls: { ALPNProtocols: [version] } })),
    )
    const failed = () => installation.records().filter(({ code }) => code === 'interception-failed')
    await eventually('both are recorded', () => failed().length === 2)
    assert.equal(origin.connections(), 0)
  })

  test(`case 3: lists that are empty allow nothing over ${address}`, options, async (t) => {
    const { verdicts, reload, installation, refusedTunnel, origin } = await startInside(t, family, { capability: { paths: [] } })
    assert.deepEqual(await verdicts({ target: '/v1/a' }), both('policy-denied'))
    installation.write('integrations/weather.yaml', grant({ network: [], denials: 'connect' }))
    assert.equal((await reload()).ok, true)
    assert.match(await refusedTunnel(`${insideName}:${origin.port}`), /"code":"policy-denied"/)
    assert.equal(origin.connections(), 0)
  })

  test(
    `cases 6, 9: a path has the verdict that it has at other doors, and arrives as it was judged, over ${address}`,
    options,
    async (t) => {
      const { origin, verdicts } = await startInside(t, family)
      const is = {
        200: (found: readonly string[]) => assert.deepEqual(found, both('served')),
        403: (found: readonly string[]) => assert.deepEqual(found, both('policy-denied')),
        400: (found: readonly string[]) => assert.ok(areRefused(found)),
      }
      await eachCase(pathCases, async ({ path, status, arrives = null }) => {
        is[status](await verdicts({ target: path }))
        const arrived = origin.requests.splice(0).map(({ url }) => url)
        assert.deepEqual(
          arrived,
          [arrives, arrives].filter((one) => one !== null),
        )
      })
    },
  )

  test(`case 10: what can be framed in two ways is refused, and nothing of it is a second request, over ${address}`, options, async (t) => {
    const { origin, verdicts } = await startInside(t, family)
    const second = `GET /v1/second HTTP/1.1\r\nHost: ${insideName}\r\n\r\n`
    const framings: readonly (readonly (readonly [string, string])[])[] = [
      [
        ['Content-Length', '5'],
        ['Transfer-Encoding', 'chunked'],
      ],
      [
        ['Content-Length', '5'],
        ['Content-Length', '6'],
      ],
      [['Content-Length', '+5']],
      [['Content-Length', '5, 5']],
      [['Transfer-Encoding', 'gzip, chunked']],
      [
        ['Transfer-Encoding', 'xchunked'],
        ['Content-Length', '5'],
      ],
    ]
    await eachCase(framings, async (fields) =>
      assert.ok(areRefused(await verdicts({ method: 'POST', target: '/v1/a', fields, body: `0\r\n\r\n${second}` }))),
    )
    const lines = [`/v1/a HTTP/1.1\r\nHost: evil\r\n\r\n${second}`, '/v1/a b', '/v1/a\nX: b', '/v1/a\0']
    await eachCase(lines, async (target) => assert.ok(areRefused(await verdicts({ target }))))
    await eachCase(['G\0T', 'get', '', 'GET\t'], async (method) => assert.ok(areRefused(await verdicts({ method, target: '/v1/a' }))))
    assert.equal(origin.connections(), 0)

    // A field of HTTP/2 is as long as it says, and may hold any bytes; behind it they would be lines.
    const values = ['b\r\nX-Late: c', `b\r\n\r\n${second}`, 'b\nX-Late: c', 'b\0c', 'b\rX-Late: c']
    await eachCase(values, (value) => verdicts({ target: '/v1/a', fields: [['X-A', value]] }))
    await eachCase(['x-a: b\r\nx-late', 'x-a\0', 'x a'], (name) => verdicts({ target: '/v1/a', fields: [[name, 'c']] }))
    const arrived = origin.requests.map(({ method, url, rawHeaders }) => `${method} ${url} ${namesOf(rawHeaders)}`)
    // In HTTP/1.1 the lines are the caller's own.
    assert.deepEqual(
      new Set(arrived),
      new Set(['GET /v1/a host connection', 'GET /v1/a host connection x-a x-late', 'GET /v1/a host connection x-a']),
    )
  })

  test(
    `case 11: what a header claims of the way it came, and what Connection names, goes no further over ${address}`,
    options,
    async (t) => {
      const { origin, verdicts } = await startInside(t, family)
      const claims = [
        ...[
          'X-Forwarded-Uri',
          'X-Forwarded-Host',
          'X_Forwarded_For',
          'X-Original-URL',
          'X-Rewrite-URL',
          'Forwarded',
          'X-HTTP-Method-Override',
        ],
        'Proxy-Authorization',
      ].map((claim) => [claim, '/admin'] as const)
      assert.deepEqual(await verdicts({ target: '/v1/a', fields: [...claims, ['X-Kept', 'a'], ['X-Kept', 'b']] }), both('served'))
      assert.deepEqual(
        origin.requests.splice(0).map(({ rawHeaders }) => namesOf(rawHeaders)),
        both('host connection x-kept x-kept'),
      )
      // HTTP/2 has no Connection (RFC 9113 §8.2.2).
      const fields = [
        ['Connection', 'x-named, close'],
        ['X-Named', 'a'],
      ] as const
      assert.deepEqual(await verdicts({ target: '/v1/a', fields }), ['served', 'reset'])
      assert.deepEqual(
        origin.requests.map(({ rawHeaders }) => namesOf(rawHeaders)),
        ['host connection'],
      )
    },
  )

  compilerTest(
    `case 11: rules see every duplicate, and no body that can be read in two ways or not at all, over ${address}`,
    options,
    async (t) => {
      const rules = rego`
      package sallyport.rules

      deny contains "admin" if "admin" in input.http.headers["x-role"]

      deny contains "secret" if input.http.body.value.secret

      deny contains "not seen" if {
        input.http.method == "POST"
        not input.http.body.type == "json"
      }
    `
      const { verdicts, origin } = await startInside(t, family, { rules })
      const cases: readonly (readonly [Asked, string])[] = [
        [
          {
            fields: [
              ['X-Role', 'user'],
              ['X-Role', 'admin'],
            ],
          },
          'policy-denied',
        ],
        [
          {
            fields: [
              ['x-role', 'admin'],
              ['x-role', 'user'],
            ],
          },
          'policy-denied',
        ],
        [{ method: 'POST', body: '{"secret":1}', fields: [json] }, 'policy-denied'],
        [{ method: 'POST', body: '{"secret":0,"Secret":1}', fields: [json] }, 'malformed-request'],
        [{ method: 'POST', body: '{"a":1,"\\u0061":2}', fields: [json] }, 'malformed-request'],
        [{ method: 'POST', body: '{"a":1}{"secret":1}', fields: [json] }, 'malformed-request'],
        [{ method: 'POST', body: '{"a":1}', fields: [json, ['Content-Type', 'text/plain']] }, 'malformed-request'],
        [{ method: 'POST', body: '\x1f\x8b\x08', fields: [json, ['Content-Encoding', 'gzip']] }, 'policy-denied'],
        [{ method: 'POST', body: '{"a":1}', fields: [['Content-Type', 'application/json; charset=utf-16']] }, 'policy-denied'],
      ]
      await eachCase(cases, async ([asked, verdict]) => assert.deepEqual(await verdicts({ target: '/v1/a', ...asked }), both(verdict)))
      assert.equal(origin.connections(), 0)
      assert.deepEqual(
        await verdicts({ method: 'POST', target: '/v1/a', body: '{"a":1}', fields: [json, ['X-Role', 'user']] }),
        both('served'),
      )
    },
  )
}
