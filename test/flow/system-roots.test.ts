/** The machine's own trust store holds for destinations. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, main, startChild } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { exchangeInside } from '../support/tunnel.ts'

for (const [what, variable] of [
  ['the system’s store', 'SSL_CERT_FILE'],
  ['what is added for Node', 'NODE_EXTRA_CA_CERTS'],
] as const) {
  test(`an origin whose CA is in ${what} is trusted without http.originCa, and another is not`, async (t) => {
    const installation = createInstallation(t)
    const certificate = await createOriginCertificate(installation.folder, 'localhost')
    const origin = await startOrigin(t, { certificate })
    writeFileSync(
      join(installation.folder, 'integrations/weather.yaml'),
      grant({ network: [toLocalhost(origin.port, { tls: 'intercept' })] }),
    )
    const request = `GET / HTTP/1.1\r\nHost: localhost:${origin.port}\r\nConnection: close\r\n\r\n`
    const trusted = `${variable}=${join(installation.folder, 'origin-ca.crt')}`
    await eachCase(
      [
        [trusted, 200],
        ['SALLYPORT_TEST=1', 502],
      ] as const,
      async ([env, status]) => {
        const child = await startChild(t, installation, { command: ['env', env, process.execPath, main] })
        const answer = await exchangeInside(installation, { proxyPort: child.proxyPort, port: origin.port }, request)
        assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), answer)
        child.process.kill('SIGTERM')
        await child.exited()
      },
    )
  })
}
