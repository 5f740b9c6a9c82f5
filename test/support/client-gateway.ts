/** A gateway for clients that nobody here wrote: they know its origins by name and get the variables of `sallyport env`, nothing else. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, RequestListener } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import { WebSocketServer } from 'ws'
import { createOriginCertificate } from './certificates.ts'
import { cleanEnv, command } from './command.ts'
import { grant, type NetworkSource } from './grant.ts'
import { createInstallation, type Installation, main, startHere } from './installation.ts'
import { startOrigin } from './origin.ts'
import { startResolver } from './resolver.ts'

export interface ClientGateway {
  readonly installation: Installation
  readonly proxyPort: number
  /** api.example.com: with TLS, in HTTP/1.1 and HTTP/2, and in plain HTTP. Each asks what is in `asked`. */
  readonly https: string
  readonly http: string
  /** Method, path and HTTP version of each request that arrived there. */
  readonly asked: readonly string[]
  /** The environment of a client: what `sallyport env` prints, on top of this machine's own. */
  readonly env: NodeJS.ProcessEnv
}

export interface ClientGatewayOptions {
  /** In both versions: what Node gives for HTTP/2 has the same methods. */
  readonly answer: RequestListener
  /** Of a handshake in HTTP/1.1. */
  readonly upgrade?: (req: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Capabilities, each for both ports of api.example.com. */
  readonly may: readonly Partial<NetworkSource>[]
  /** With a listener of its own, the integration proves its identity by where it connects. */
  readonly hasOwnListener?: boolean
}

/** Lives as long as `t`. The integration is `weather`; the gateway's own resolver knows every name as this machine. */
export async function startForClients(
  t: Pick<TestContext, 'after'>,
  { answer, upgrade, may, hasOwnListener = false }: ClientGatewayOptions,
): Promise<ClientGateway> {
  const context = t as TestContext
  const { port: dnsPort } = await startResolver(context, ['127.0.0.1'])
  const installation = createInstallation(context, {
    config: `trust: ./trust
http: { originCa: ./origin-ca.crt, dnsServers: ["127.0.0.1:${dnsPort}"] }
listeners: [{ name: proxy, address: "127.0.0.1:0"${hasOwnListener ? ', integration: weather' : ''} }]`,
  })
  const { key, certificate } = await createOriginCertificate(installation.folder, 'api.example.com')
  const asked: string[] = []
  const listener: RequestListener = (req, res) => {
    asked.push(`${req.method} ${req.url} ${req.httpVersion}`)
    answer(req, res)
  }
  const plain = await startOrigin(context, { answer: listener })
  const secure = createSecureServer({ key, cert: certificate, allowHTTP1: true }, listener as never)
  if (upgrade !== undefined) for (const server of [plain.server, secure]) server.on('upgrade', upgrade)
  await once(secure.listen(0, '127.0.0.1'), 'listening')
  t.after(() => void secure.close())
  const securePort = (secure.address() as AddressInfo).port
  const hosts = ['api.example.com']
  const addresses = ['127.0.0.0/8']
  const network = may.flatMap((more): readonly NetworkSource[] => [
    { hosts, addresses, ports: [securePort], tls: 'intercept', ...more },
    { hosts, addresses, ports: [plain.port], tls: 'none', ...more },
  ])
  installation.write('integrations/weather.yaml', grant({ network: [...network] }))
  const { proxyPort } = await startHere(context, installation)
  return {
    ...{ installation, proxyPort, asked },
    https: `https://api.example.com:${securePort}`,
    http: `http://api.example.com:${plain.port}`,
    env: cleanEnv(await printedVariables(installation, proxyPort)),
  }
}

/** What `sallyport env` prints. */
export async function printedVariables({ configFile }: Installation, proxyPort: number): Promise<Record<string, string>> {
  const words = ['--no-warnings', main, 'env', 'weather', '--config', configFile, '--format', 'json']
  const { stdout, stderr } = await command(process.execPath, words, { env: cleanEnv({ SALLYPORT_TOKEN: 'weather-token' }) })
  if (stdout === '') throw new Error(stderr)
  // The command tells the configured port, which is 0 here.
  const printed = stdout.replaceAll('127.0.0.1:0', `127.0.0.1:${proxyPort}`).replaceAll('proxyPort=0', `proxyPort=${proxyPort}`)
  return JSON.parse(printed) as Record<string, string>
}

/** For `upgrade`: opens a WebSocket that sends back what it receives. */
export function echoMessages(req: IncomingMessage, socket: Duplex, head: Buffer): void {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true })
  sockets.handleUpgrade(req, socket, head, (open) => {
    open.on('message', (data, isBinary) => open.send(data, { binary: isBinary }))
  })
}

/** The script or source of a client, in `test/support/clients`. */
export const clientFile = (name: string) => join(import.meta.dirname, 'clients', name)

export async function sumOf(req: IncomingMessage): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of req) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
