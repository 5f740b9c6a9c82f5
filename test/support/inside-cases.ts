/** A gateway of either address family in front of an origin that it intercepts, asked in both versions of HTTP. */
import { mkdirSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createOriginCertificate } from './certificates.ts'
import { grant, type NetworkSource, toLocalhost } from './grant.ts'
import { type Asked, insideCallers, verdictOf } from './inside-callers.ts'
import { createInstallation, exchangeRaw, type Installation, proxyHeader, startHere } from './installation.ts'
import { hasIpv6 } from './ipv6.ts'
import { type Origin, startOrigin } from './origin.ts'
import { unless } from './tools.ts'
import type { Inside } from './tunnel.ts'

/** Where the gateway listens, and where its origins do; `options` are those of a test. */
export interface Family {
  readonly address: string
  readonly listener: string
  readonly options: { readonly skip?: string }
}

export const families: readonly Family[] = [
  { address: '127.0.0.1', listener: '127.0.0.1:0', options: {} },
  { address: '::1', listener: '[::1]:0', options: unless((await hasIpv6()) ? null : 'this machine has no ::1') },
]

/** Of both families, whatever the machine's hosts file says of `localhost` itself. */
export const insideName = 'case.localhost'

export interface InsideOptions {
  /** What is granted beside GET and the like of `/v1/**`. */
  readonly capability?: Partial<NetworkSource>
  /** Further keys of `http`, behind a comma. */
  readonly http?: string
  readonly rules?: string
  /** The host of the origin's certificate. */
  readonly certified?: string
  /** Where a request for `/v1/moved` is sent on to. */
  readonly movedTo?: string
}

export interface InsideGateway {
  readonly installation: Installation
  readonly origin: Origin
  readonly proxyPort: number
  /** The origin, as a caller would open a tunnel to it. */
  readonly to: Inside
  /** Asks in HTTP/1.1 and in HTTP/2, and gives both verdicts. */
  verdicts(asked: Asked, more?: Partial<Inside>): Promise<readonly string[]>
  /** The answer to a CONNECT that opens nothing. */
  refusedTunnel(authority: string): Promise<string>
  /** What was written to the installation is taken up. */
  reload(): Promise<{ ok: boolean }>
}

export async function startInside(t: TestContext, family: Family, options: InsideOptions = {}): Promise<InsideGateway> {
  const { address, listener } = family
  const { capability, http = '', rules = '', certified = insideName, movedTo = '' } = options
  const installation = createInstallation(t, {
    config: `listeners: [{ name: proxy, address: "${listener}" }]\nhttp: { originCa: ./origin-ca.crt${http} }\n${rules === '' ? '' : 'policy: { rules: ./rules }'}`,
  })
  mkdirSync(join(installation.folder, 'rules'))
  if (rules !== '') installation.write('rules/a.rego', rules)
  const certificate = await createOriginCertificate(installation.folder, certified)
  const answer: RequestListener = ({ url }, res) => {
    if (url === '/v1/moved') res.writeHead(302, { location: movedTo })
    res.end('hello')
  }
  const origin = await startOrigin(t, { certificate, host: address, answer })
  const network = [toLocalhost(origin.port, { hosts: [insideName], tls: 'intercept', paths: ['/v1/**'], ...capability })]
  // A CONNECT that is refused is refused as such.
  installation.write('integrations/weather.yaml', grant({ network, denials: 'connect' }))
  const { proxyPort, gateway } = await startHere(t, installation)
  const to = { proxyPort, proxyHost: address, host: insideName, servername: insideName, port: origin.port }
  return {
    ...{ installation, origin, proxyPort, to, reload: () => gateway.reload() },
    async verdicts(asked, more) {
      const found: string[] = []
      for (const ask of Object.values(insideCallers)) found.push(verdictOf(await ask(installation, { ...to, ...more }, asked)))
      return found
    },
    refusedTunnel(authority) {
      const head = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`
      return exchangeRaw(proxyPort, Buffer.from(head, 'latin1'), address)
    },
  }
}

/** The same in both versions. */
export const both = (verdict: string): readonly string[] => [verdict, verdict]

/** Whether neither version is read. What nghttp2 cannot parse it resets; the rest is refused by the gateway. */
export function areRefused([http1 = '', http2 = '']: readonly string[]): boolean {
  return ['malformed-request', 'version-unsupported'].includes(http1) && ['malformed-request', 'reset'].includes(http2)
}
