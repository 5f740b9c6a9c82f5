/** A gateway whose operator's API listens on TCP too, and those who ask there. */
import { request } from 'node:http'
import { request as requestTls } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { command } from './command.ts'
import { createInstallation, type Installation, type InstallationOptions, type Running, startHere } from './installation.ts'
import { createServer } from './sockets.ts'

export interface AdminGateway extends Running {
  readonly installation: Installation
  readonly adminPort: number
}

/** `admin` is YAML of further keys of `admin`; `tcp` of further keys of `admin.tcp`. */
export async function startAdminGateway(
  t: Pick<TestContext, 'after'>,
  { admin, tcp = '', ...options }: InstallationOptions & { readonly admin: string; readonly tcp?: string },
  arrange: (installation: Installation) => Promise<unknown> = async () => {},
): Promise<AdminGateway> {
  const adminPort = await freePort()
  const installation = createInstallation(t, options)
  await arrange(installation)
  const keys = `tcp: { address: "127.0.0.1:${adminPort}"${tcp && `, ${tcp}`} }, ${admin}`
  const file = installation.read('sallyport.yaml')
  installation.write('sallyport.yaml', file.replace('admin: { health: "127.0.0.1:0" }', `admin: { health: "127.0.0.1:0", ${keys} }`))
  return { ...(await startHere(t, installation)), installation, adminPort }
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

export interface Asking {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Connects with TLS, and this. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string }
}

/** Asks on a port of this machine, or at a socket. */
export function askAdmin(at: number | string, path: string, { method = 'GET', headers = {}, tls }: Asking = {}): Promise<Answered> {
  const place = typeof at === 'number' ? { host: '127.0.0.1', port: at } : { socketPath: at }
  return new Promise((resolve, reject) => {
    const options = { ...place, path, method, headers, agent: false as const }
    const asked = tls === undefined ? request(options) : requestTls({ ...options, ...tls, servername: 'localhost' })
    asked.on('error', reject)
    asked.on('response', (res) => {
      text(res).then((body) => resolve({ status: res.statusCode ?? 0, headers: res.headers, text: body }), reject)
    })
    asked.end()
  })
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/**
 * Made by the openssl command in `<folder>`: `ca.crt`, `server.crt` (localhost, 127.0.0.1), and for each client `<name>.crt`, with their keys.
 * A client's text is its subject and then, behind a blank, its alternative name.
 */
export async function makeCertificates(folder: string, clients: Readonly<Record<string, string>>): Promise<void> {
  const openssl = async (...args: string[]) => {
    const { code, stderr } = await command('openssl', args, { cwd: folder })
    if (code !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`)
  }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  await openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=Test CA')
  const leaves = { server: '/CN=localhost DNS:localhost,IP:127.0.0.1', ...clients }
  for (const [name, text] of Object.entries(leaves)) {
    const [subject = '', san = ''] = text.split(' ')
    const usage = name === 'server' ? 'serverAuth' : 'clientAuth'
    await openssl(
      ...['req', '-x509', ...key, '-keyout', `${name}.key`, '-out', `${name}.crt`, '-days', '2', '-subj', subject],
      ...['-CA', 'ca.crt', '-CAkey', 'ca.key', '-addext', `extendedKeyUsage=${usage}`, '-addext', 'basicConstraints=critical,CA:FALSE'],
      ...(san === '' ? [] : ['-addext', `subjectAltName=${san}`]),
    )
  }
}

export const certificateOf = (folder: string, name: string) => ({ cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) })
