/** A reply that comes before the end of its request: clients that write all before they read see its status. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { cleanEnv, command } from '../support/command.ts'
import { createInstallation, manifest, proxyHeader, proxyUrl, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

const uploadBytes = 50_000_000

const python = `
import http.client, sys
from urllib.parse import urlparse
proxy, url, length = urlparse(sys.argv[1]), sys.argv[2], int(sys.argv[3])
import base64
token = base64.b64encode(f'{proxy.username}:{proxy.password}'.encode()).decode()
c = http.client.HTTPConnection(proxy.hostname, proxy.port, timeout=60)
c.request('POST', url, body=b'x' * length, headers={'Proxy-Authorization': 'Basic ' + token})
print(c.getresponse().status, end='')
`

const pythonRequests = `
import requests, sys, urllib3
urllib3.disable_warnings()
try: print(requests.post(sys.argv[2], data=b'x' * int(sys.argv[3]), proxies={'http': sys.argv[1], 'https': sys.argv[1]}, verify=sys.argv[4], timeout=60).status_code, end='')
except requests.exceptions.ProxyError as error: print(error, end='')
`

const pythonService = `
import http.client, sys
from urllib.parse import urlparse
url = urlparse(sys.argv[1])
name, value = sys.argv[2].split(': ', 1)
def status(path):
    c = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    c.request('POST', path, body=b'x' * int(sys.argv[3]), headers={name: value})
    return str(c.getresponse().status)
print(status('/services/named/early'), status('/services/other/early'), end='')
`

const nodeFetch = `
const [, url, length] = process.argv.slice(1)
const res = await fetch(url, { method: 'POST', body: 'x'.repeat(Number(length)) })
process.stdout.write(String(res.status))
`

function curl(file: string, url: string, ...more: string[]): ReturnType<typeof command> {
  const args = ['-sS', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '60', ...more, '--data-binary', `@${file}`, url]
  return command('curl', args, { env: cleanEnv() })
}

/** Each gives the status that its client saw. */
const clients: Record<string, (proxy: string, url: string, ca: string, file: string) => ReturnType<typeof command>> = {
  curl: (proxy, url, ca, file) => curl(file, url, '--cacert', ca, '-x', proxy),
  'curl without Expect': (proxy, url, ca, file) => curl(file, url, '--cacert', ca, '-x', proxy, '-H', 'Expect:'),
  'Python’s http.client': (proxy, url) => command('python3', ['-c', python, proxy, url, String(uploadBytes)], { env: cleanEnv() }),
  'Python’s requests': (proxy, url, ca) =>
    command('python3', ['-c', pythonRequests, proxy, url, String(uploadBytes), ca], { env: cleanEnv() }),
  'Node’s fetch': (proxy, url, ca) =>
    command(process.execPath, ['--input-type=module', '-e', nodeFetch, proxy, url, String(uploadBytes)], {
      env: cleanEnv({ NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NODE_EXTRA_CA_CERTS: ca }),
    }),
}

/** What is done, by whom, for what, and the status that is seen. */
type Case = readonly [what: string, who: string, url: string, status: string]

/** Not every client can see everything. Fetch §4.6: a 407 of a proxy is a network error. */
function canSee(client: string): (given: Case) => boolean {
  return ([, , url, status]) =>
    !(client.includes('http.client') && url.startsWith('https:')) && !(client.includes('fetch') && status === '407')
}

async function arrange(t: TestContext) {
  const installation = createInstallation(t, {
    config: 'http: { originCa: ./origin-ca.crt }\nservices: [{ name: named, url: "http://localhost:PORT" }]',
  })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  // Answers from the head alone, and reads the body away as Node does.
  const answer = (_req: unknown, res: { writeHead(status: number): { end(text: string): void } }) => res.writeHead(401).end('no')
  const plain = await startOrigin(t, { answer })
  const secure = await startOrigin(t, { answer, certificate })
  installation.write('sallyport.yaml', installation.read('sallyport.yaml').replace('PORT', String(plain.port)))
  const to = 'hosts: [localhost], addresses: [127.0.0.0/8, "::1/128"]'
  installation.write(
    'integrations/weather.yaml',
    manifest(
      'weather',
      `services: [{ name: named }]\nnetwork:\n  - { ${to}, ports: [${plain.port}], tls: none, paths: [/early] }\n  - { ${to}, ports: [${plain.port}], tls: none, paths: [/large], maxRequest: 1MiB }\n  - { ${to}, ports: [${secure.port}], tls: intercept, paths: [/early] }`,
    ),
  )
  installation.write(
    'integrations/spent.yaml',
    manifest('spent', `network: [{ ${to}, ports: [${plain.port}], tls: none }]\nlimits: { bytesOut: { rate: 1KiB/s, burst: 1MiB } }`),
  )
  const { proxyPort } = await startHere(t, installation)
  const file = join(installation.folder, 'upload')
  writeFileSync(file, Buffer.alloc(uploadBytes, 'x'))
  return {
    file,
    ca: join(installation.folder, 'state/ca/ca.crt'),
    http: `http://localhost:${plain.port}`,
    https: `https://localhost:${secure.port}`,
    proxy: (name: string) => proxyUrl(name, proxyPort),
    services: `http://127.0.0.1:${proxyPort}/services`,
    header: `Proxy-Authorization: ${proxyHeader('weather')}`,
  }
}

test('the status of a reply that comes before the end of an upload', async (t) => {
  const { file, ca, http, https, proxy } = await arrange(t)
  const cases: Case[] = [
    ['an origin’s early 401', 'weather', `${http}/early`, '401'],
    ['an origin’s early 401 inside an interception', 'weather', `${https}/early`, '401'],
    ['403 for what no rule allows', 'weather', `${http}/denied`, '403'],
    ['407 for an unknown caller', 'nobody', `${http}/early`, '407'],
    ['413 for what is too large', 'weather', `${http}/large`, '413'],
    ['429 for a spent quota', 'spent', `${http}/early`, '429'],
  ]
  await eachCase(Object.entries(clients), async ([client, run]) => {
    if (client.includes('requests') && (await command('python3', ['-c', 'import requests'])).code !== 0) {
      t.diagnostic('Python’s requests is not installed')
      return
    }
    await eachCase(cases.filter(canSee(client)), async ([what, who, url, status]) => {
      await t.test(`${client} sees ${what}`, async () => {
        const { stdout, stderr } = await run(proxy(who), url, ca, file)
        assert.equal(stdout, status, stderr)
      })
    })
  })
})

test('the status of a service’s reply that comes before the end of an upload', async (t) => {
  const { file, services, header } = await arrange(t)
  await eachCase(['Expect:', 'Expect: 100-continue'], async (expect) => {
    const { stdout, stderr } = await curl(file, `${services}/named/early`, '--noproxy', '*', '-H', expect, '-H', header)
    assert.equal(stdout, '401', stderr)
  })
  const run = await command('python3', ['-c', pythonService, services, header, String(uploadBytes)], { env: cleanEnv() })
  assert.equal(run.stdout, '401 403', run.stderr)
})
