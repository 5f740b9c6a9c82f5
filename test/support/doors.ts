/** The doors that carry requests: forward proxy, named service, and inside an interception; all lead to one origin, which speaks TLS as well. */
import { mkdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createOriginCertificate, type OriginCertificate } from './certificates.ts'
import { createInstallation, type Installation, manifest, proxyHeader, startHere } from './installation.ts'
import { connect } from './sockets.ts'
import { openInside } from './tunnel.ts'

export interface RequestDoor {
  /** A connection on which its requests can be written. */
  open(): Promise<Socket>
  /** Stands before the path in a request line. */
  readonly target: string
  /** Headers that it needs. */
  readonly head: string
}

export interface DoorsOptions {
  /** Starts both servers of the origin; gives their ports. */
  readonly startOrigins: (certificate: OriginCertificate) => Promise<{ readonly plainPort: number; readonly tlsPort: number }>
  /** Further keys of `http` and of the service in sallyport.yaml. */
  readonly http?: string
  readonly service?: string
  readonly allowHalfOpen?: boolean
  /** Further keys of the manifest, and of sallyport.yaml. */
  readonly rights?: string
  readonly config?: string
  /** Of `./rules`, where `config` names that folder. */
  readonly rules?: string
}

export interface Doors {
  readonly installation: Installation
  readonly doors: Readonly<Record<'proxy' | 'services' | 'intercept', RequestDoor>>
}

/** A gateway in front of it, in which `weather` is granted all three. */
export async function startDoors(t: TestContext, options: DoorsOptions): Promise<Doors> {
  const { startOrigins, http = '', service = '', allowHalfOpen = false, rights = '', config = '', rules } = options
  const installation = createInstallation(t, { config })
  if (rules !== undefined) {
    mkdirSync(join(installation.folder, 'rules'))
    installation.write('rules/a.rego', rules)
  }
  const { plainPort, tlsPort } = await startOrigins(await createOriginCertificate(installation.folder, 'localhost'))
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}http: { originCa: ./origin-ca.crt${http} }\nservices: [{ name: named, url: "http://localhost:${plainPort}"${service} }]\n`,
  )
  const to = 'hosts: [localhost], addresses: [127.0.0.0/8, "::1/128"]'
  installation.write(
    'integrations/weather.yaml',
    manifest(
      'weather',
      `services: [{ name: named }]\nnetwork:\n  - { ${to}, ports: [${plainPort}], tls: none }\n  - { ${to}, ports: [${tlsPort}], tls: intercept }\n${rights}`,
    ),
  )
  const { proxyPort } = await startHere(t, installation)
  const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
  const open = async () => connect({ port: proxyPort, host: '127.0.0.1', allowHalfOpen })
  return {
    installation,
    doors: {
      proxy: { open, target: `http://localhost:${plainPort}`, head: `Host: localhost:${plainPort}\r\n${auth}` },
      services: { open, target: '/services/named', head: `Host: gateway\r\n${auth}` },
      intercept: {
        open: () => openInside(installation, { proxyPort, port: tlsPort }),
        target: '',
        head: `Host: localhost:${tlsPort}\r\n`,
      },
    },
  }
}
