/** gRPC by Go's library, as client and as server, through what `sallyport env` prints: TLS that is intercepted, and none. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import * as grpc from '@grpc/grpc-js'
import { createOriginCertificate } from '../support/certificates.ts'
import { printedVariables } from '../support/client-gateway.ts'
import { cleanEnv, command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { type GoServer, startGoServer } from '../support/go-grpc.ts'
import { buildGoProgram } from '../support/go-program.ts'
import { grant, type NetworkSource } from '../support/grant.ts'
import { both, type EchoServer, gather, methods, startEchoServer, unary } from '../support/grpc-echo.ts'
import { createInstallation, type Installation, startHere } from '../support/installation.ts'
import { startResolver } from '../support/resolver.ts'
import { unless } from '../support/tools.ts'
import { startTunnels } from '../support/tunnel.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
const { program, missing } = await buildGoProgram(whole, 'go-grpc')
const host = 'api.example.com'

let installation: Installation
let proxyPort: number
let env: NodeJS.ProcessEnv
let secure: GoServer
let plain: GoServer
let node: EchoServer

before(async () => {
  if (missing !== null) return
  const t = whole as never
  const { port: dnsPort } = await startResolver(t, ['127.0.0.1'])
  installation = createInstallation(t, {
    config: `trust: ./trust\nhttp: { originCa: ./origin-ca.crt, dnsServers: ["127.0.0.1:${dnsPort}"] }`,
  })
  const { key, certificate } = await createOriginCertificate(installation.folder, host)
  const files = ['go.crt', 'go.key'].map((name) => join(installation.folder, name))
  writeFileSync(files[0] as string, certificate)
  writeFileSync(files[1] as string, key)
  secure = await startGoServer(t, program, files)
  plain = await startGoServer(t, program)
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(certificate) }
  node = await startEchoServer(t, grpc.ServerCredentials.createSsl(null, [pair]))
  const ports = [secure, plain, node].map(({ port }) => port)
  const capability: NetworkSource = { hosts: [host], addresses: ['127.0.0.0/8'], ports, paths: ['/test.Echo/*'], methods: ['POST'] }
  installation.write(
    'integrations/weather.yaml',
    grant({
      network: [
        { ...capability, tls: 'intercept' },
        { ...capability, tls: 'none' },
      ],
    }),
  )
  proxyPort = (await startHere(t, installation)).proxyPort
  env = cleanEnv(await printedVariables(installation, proxyPort))
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

/** Of the client in Go, line by line. */
async function calls(kind: 'tls' | 'plain', port: number): Promise<readonly string[]> {
  const { stdout, stderr } = await command(program, ['call', kind, `${host}:${port}`], { env })
  return `${stdout}${stderr}`.trimEnd().split('\n')
}

const told = (found: string) => [
  '/test.Echo/Unary OK there back kept',
  `/test.Echo/Unary NotFound no such thing${found}  kept`,
  '/test.Echo/Gather OK a+b+c',
  '/test.Echo/Spread OK x y z',
  '/test.Echo/Both OK first back second back',
]

for (const kind of ['tls', 'plain'] as const)
  test(
    `a client in Go reaches a server in Go ${kind === 'tls' ? 'over TLS' : 'without TLS'}, whose calls of each kind and status arrive whole`,
    unless(missing),
    async () => {
      const server = kind === 'tls' ? secure : plain
      const lines = await calls(kind, server.port)
      assert.deepEqual(lines.slice(0, 5), told(' (go LOST)'))
      assert.match(lines[5] ?? '', /^\/test\.Echo\/Never DeadlineExceeded /)
      assert.match(lines[6] ?? '', /^\/other\.Service\/Call PermissionDenied policy-denied: .* \(sallyport policy-denied\)/)
      await eventually('the server knows of the deadline', () => server.cancelled > 0)
      const inside = installation.records().filter(({ type, door }) => type === 'decided' && door === 'intercept')
      assert.ok(inside.length >= 7)
    },
  )

test('a client in Go reaches a server in JavaScript', unless(missing), async () => {
  const lines = await calls('tls', node.port)
  assert.deepEqual(lines.slice(0, 5), told(''))
  assert.match(lines[5] ?? '', /^\/test\.Echo\/Never DeadlineExceeded /)
})

test('a client in JavaScript reaches a server in Go', unless(missing), async () => {
  // The library sends no credentials to a proxy on this machine.
  const tunnels = await startTunnels(whole, proxyPort, `${host}:${secure.port}`)
  const ca = readFileSync(join(installation.folder, 'state/ca/ca.crt'))
  const client = new grpc.Client(`127.0.0.1:${tunnels}`, grpc.credentials.createSsl(ca), {
    'grpc.ssl_target_name_override': host,
    'grpc.default_authority': `${host}:${secure.port}`,
  })
  whole.after(() => client.close())
  const { status, reply } = await unary(client, methods.unary.path, 'there')
  assert.deepEqual([status.code, reply, status.metadata.get('x-trailer')], [grpc.status.OK, 'there back', ['kept']])
  const failed = await unary(client, methods.unary.path, 'fail')
  assert.deepEqual([failed.status.code, failed.status.details], [grpc.status.NOT_FOUND, 'no such thing'])
  assert.match(String(failed.status.metadata.get('grpc-status-details-bin')[0]), /google\.rpc\.ErrorInfo.*LOST/s)
  assert.equal(await gather(client, ['a', 'b', 'c']), 'a+b+c')
  const call = both(client)
  call.end('only')
  const answers: string[] = []
  call.on('data', (one: string) => answers.push(one))
  await new Promise((resolve) => call.on('status', resolve))
  assert.deepEqual(answers, ['only back'])
})
