/** The head of an upload goes on before its body comes: origins that refuse by it (401, 413) must not wait, nor callers that are slow to begin. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { createInstallation, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { bodyOf, startOrigin } from '../support/origin.ts'
import { openInside } from '../support/tunnel.ts'

async function arrange(t: TestContext) {
  const heads: string[] = []
  const answer = async (req: Parameters<typeof bodyOf>[0], res: { end(text: string): void }) => {
    heads.push(`${req.method} ${req.url}`)
    res.end(`got ${(await bodyOf(req)).byteLength} bytes`)
  }
  const installation = createInstallation(t, {
    config: 'http: { originCa: ./origin-ca.crt }\nservices: [{ name: named, url: "http://localhost:PORT" }]',
  })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const plain = await startOrigin(t, { answer })
  const secure = await startOrigin(t, { answer, certificate })
  installation.write('sallyport.yaml', installation.read('sallyport.yaml').replace('PORT', String(plain.port)))
  const to = 'hosts: [localhost], addresses: [127.0.0.0/8, "::1/128"]'
  installation.write(
    'integrations/weather.yaml',
    manifest(
      'weather',
      `services: [{ name: named }]\nnetwork:\n  - { ${to}, ports: [${plain.port}], tls: none }\n  - { ${to}, ports: [${secure.port}], tls: intercept }`,
    ),
  )
  const { proxyPort } = await startHere(t, installation)
  const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
  const open = async () => connect(proxyPort, '127.0.0.1')
  const doors = {
    proxy: { open, target: `http://localhost:${plain.port}`, head: `Host: localhost:${plain.port}\r\n${auth}` },
    services: { open, target: '/services/named', head: `Host: gateway\r\n${auth}` },
    intercept: {
      open: () => openInside(installation, { proxyPort, port: secure.port }),
      target: '',
      head: `Host: localhost:${secure.port}\r\n`,
    },
  }
  return { heads, doors }
}

test('the head of an upload reaches its origin before its body, through every door', async (t) => {
  const { heads, doors } = await arrange(t)
  for (const [door, { open, target, head }] of Object.entries(doors))
    for (const [what, framing, first, rest, bytes] of [
      ['small', 'Content-Length: 5', '', 'hello', 5],
      ['large', 'Content-Length: 1000000', '', 'x'.repeat(1_000_000), 1_000_000],
      ['chunked', 'Transfer-Encoding: chunked', '', '5\r\nhello\r\n0\r\n\r\n', 5],
      ['begun', 'Content-Length: 5', 'he', 'llo', 5],
    ] as const) {
      const socket = await open()
      t.after(() => socket.destroy())
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk
      })
      socket.write(`POST ${target}/${what} HTTP/1.1\r\n${head}${framing}\r\n\r\n${first}`)
      await eventually(`${door}: the head of ${what} is there`, () => heads.at(-1) === `POST /${what}`)
      assert.equal(text, '', `${door}: ${what}`)
      socket.write(rest)
      await eventually(`${door}: ${what} is answered`, () => text.endsWith(`got ${bytes} bytes`) || text.includes(`got ${bytes} bytes\r\n`))
      heads.push('')
    }
})
