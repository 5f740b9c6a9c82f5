/** Whatever a request carries that is secret is in no record, no log line and no answer (security case 13, invariant 7 of SECURITY.md). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

const secrets = {
  token: 'weather-token',
  authorization: 'authorization-value',
  cookie: 'cookie-value',
  query: 'query-token-value',
  userinfo: 'userinfo-value',
  own: 'own-key-value',
  admin: 'admin-token-value-123',
}

test('no secret of a request or of the configuration is in the log, the records or the answers', async (t) => {
  process.env['TEST_ADMIN_SECRET'] = secrets.admin
  const origin = await startOrigin(t, { answer: (_req, res) => void res.destroy() })
  const installation = createInstallation(t, {
    config: 'log: { level: trace }',
    manifests: {
      'weather.yaml': grant({ network: [toLocalhost(origin.port, { paths: ['/v1/**'] })], redaction: { queryKeys: ['ownkey'] } }),
      // What another manifest names tells nothing of this one's.
      'mail.yaml': grant({ name: 'mail', redaction: { queryKeys: ['page'] } }),
    },
  })
  installation.write(
    'sallyport.yaml',
    installation
      .read('sallyport.yaml')
      .replace('admin: { ', 'admin: { tcp: { address: "127.0.0.1:0", token: { env: TEST_ADMIN_SECRET } }, '),
  )
  const { proxyPort, log, gateway } = await startHere(t, installation)
  const authority = `localhost:${origin.port}`
  const send = (target: string, extra = '') =>
    exchangeRaw(
      proxyPort,
      `GET ${target} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nAuthorization: Bearer ${secrets.authorization}\r\nCookie: sid=${secrets.cookie}\r\n${extra}Connection: close\r\n\r\n`,
    )
  const query = `?access_token=${secrets.query}&ownkey=${secrets.own}&page=1`
  const answers = [
    await send(`http://${authority}/v1/fails${query}`),
    await send(`http://${authority}/denied${query}`),
    await send(`http://${authority}/v1/has-${secrets.admin}`),
    await send(`http://u:${secrets.userinfo}@${authority}/v1/a${query}`),
    await send(`http://${authority}/v1/../x${query}`),
    await send(`http://${authority}/v1/x`, `Proxy-Authorization: Basic ${secrets.token}\r\n`),
  ]
  assert.deepEqual(
    answers.map((answer) => answer.slice(9, 12)),
    ['502', '403', '502', '400', '400', '400'],
  )
  await gateway.close()
  const everything = { log: log.join(''), records: JSON.stringify(installation.records()), answers: answers.join('') }
  eachCase(Object.entries(everything), ([place, text]) => {
    assert.ok(text.length > 100, place)
    eachCase(Object.entries(secrets), ([name, secret]) => {
      eachCase([secret, Buffer.from(secret).toString('base64'), proxyHeader('weather').slice(6)], (form) =>
        assert.ok(!text.includes(form), `${name} is in the ${place}`),
      )
    })
  })
  assert.match(everything.records, /access_token=\[redacted\]&ownkey=\[redacted\]&page=1/)
})
