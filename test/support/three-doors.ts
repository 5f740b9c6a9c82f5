/** One gateway in front of the same capabilities through the proxy, inside an interception and of a service, for tests that compare these. */
import type { TestContext } from 'node:test'
import type { Gateway } from '../../src/gateway/gateway.ts'
import { createOriginCertificate } from './certificates.ts'
import { grant, type NetworkSource, type ServiceSource, toLocalhost } from './grant.ts'
import { createInstallation, type Installation, startHere } from './installation.ts'
import { type Origin, startOrigin } from './origin.ts'

/** What is said of a request in both kinds of capability. */
type Conditions = Partial<NetworkSource> & Partial<Omit<ServiceSource, 'name'>>

export interface ThreeDoors {
  readonly installation: Installation
  /** The proxy's origin, and the one behind the service `s`. */
  readonly plain: Origin
  /** The interception's. */
  readonly secure: Origin
  readonly gateway: Gateway
  readonly proxyPort: number
}

export async function startThreeDoors(
  t: TestContext,
  conditions: readonly Conditions[],
  { websocket = false, config = '', others = [] as readonly string[] } = {},
): Promise<ThreeDoors> {
  const installation = createInstallation(t, { config })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const plain = await startOrigin(t)
  const secure = await startOrigin(t, { certificate })
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}http: { originCa: ./origin-ca.crt }\nservices: [{ name: s, url: "http://127.0.0.1:${plain.port}" }]\n`,
  )
  installation.write(
    'integrations/weather.yaml',
    grant({
      network: conditions.flatMap((given) => [toLocalhost(plain.port, given), toLocalhost(secure.port, { tls: 'intercept', ...given })]),
      services: conditions.map((given) => ({ name: 's', websocket, ...given })),
    }),
  )
  for (const name of others) installation.write(`integrations/${name}.yaml`, grant({ name }))
  const { gateway, proxyPort } = await startHere(t, installation)
  return { installation, plain, secure, gateway, proxyPort }
}
