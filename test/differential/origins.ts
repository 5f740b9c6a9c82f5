/** Real servers that tell what they were asked: Node's, Go's, and nginx, whose view a server of Node's behind it writes down. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { OriginCertificate } from '../support/certificates.ts'
import { endingWithUs } from '../support/children.ts'
import { eventually } from '../support/eventually.ts'
import { connect, createServer as createTcpServer } from '../support/sockets.ts'
import { goProgram, withoutProgram } from '../support/tools.ts'

/** What an origin saw. Texts are Latin-1: a character per byte. */
export interface Seen {
  readonly server: 'node' | 'go' | 'nginx'
  /** `1` or `2`. */
  readonly version: string
  readonly method: string
  /** As on the wire. */
  readonly target: string
  /** As the server itself reads it, decoded; absent where it does not say. */
  readonly path?: string
  readonly query?: string
  /** The keys of the query with their values, as the server reads them. */
  readonly keys?: readonly (readonly [string, string])[] | null
  readonly host: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
  readonly trailers: readonly (readonly [string, string])[]
}

export interface Origin {
  readonly name: string
  readonly port: number
  readonly scheme: 'http' | 'https'
}

export interface Origins {
  readonly all: readonly Origin[]
  readonly seen: readonly Seen[]
  close(): void
}

/** Why this machine cannot start all of them; `null` where it can. */
export async function missingServers(): Promise<string | null> {
  return (await withoutProgram('nginx')) ?? (await goProgram()).missing
}

/** In a folder of their own, below `folder`. */
export async function startOrigins(folder: string, certificate: OriginCertificate): Promise<Origins> {
  const seen: Seen[] = []
  const servers: Server[] = []
  const children: ChildProcess[] = []
  const close = () => {
    for (const child of children) child.kill('SIGKILL')
    for (const server of servers) server.close()
  }
  const files = join(folder, 'servers')
  mkdirSync(files)
  const { key, certificate: cert } = certificate
  const asNode = (req: IncomingMessage, res: ServerResponse) => void tell(req, res, (one) => seen.push(one))
  const listen = async (server: Server, where: number | string = 0): Promise<number> => {
    servers.push(server)
    await once(typeof where === 'string' ? server.listen(where) : server.listen(where, '127.0.0.1'), 'listening')
    return typeof where === 'string' ? 0 : (server.address() as AddressInfo).port
  }
  try {
    const node = await listen(createServer(asNode))
    const nodeTls = await listen(createTlsServer({ key, cert }, asNode))
    // What is there twice is what it is asked about.
    const both = createSecureServer({ key, cert, allowHTTP1: true, strictSingleValueFields: false } as never, asNode as never)
    both.on('session', (session) => session.on('error', () => {}))
    const nodeHttp2 = await listen(both as never)
    const sink = join(files, 'sink.sock')
    await listen(
      createServer((req, res) => void tell(req, res, (one) => seen.push(behindNginx(one)))),
      sink,
    )
    const nginx = await startNginx(files, certificate.folder, sink, children)
    const go = await startGo(files, certificate.folder, children, (one) => seen.push(one))
    const all: Origin[] = [
      { name: 'node', port: node, scheme: 'http' },
      { name: 'nginx', port: nginx.plain, scheme: 'http' },
      { name: 'go', port: go.plain, scheme: 'http' },
      { name: 'node over TLS, HTTP/1.1 alone', port: nodeTls, scheme: 'https' },
      { name: 'node over TLS', port: nodeHttp2, scheme: 'https' },
      { name: 'nginx over TLS', port: nginx.secure, scheme: 'https' },
      { name: 'go over TLS', port: go.secure, scheme: 'https' },
    ]
    return { all, seen, close }
  } catch (error) {
    close()
    throw error
  }
}

async function tell(req: IncomingMessage, res: ServerResponse, push: (seen: Seen) => void): Promise<void> {
  res.on('error', () => {})
  const chunks: Buffer[] = []
  try {
    for await (const chunk of req) chunks.push(chunk as Buffer)
  } catch {
    // It was cut short: its sender knows that it was not taken.
    return
  }
  const headers = pairsOf(req.rawHeaders).filter(([name]) => !name.startsWith(':'))
  const authority = (req.headers[':authority'] ?? req.headers.host ?? '') as string
  push({
    server: 'node',
    version: String(req.httpVersionMajor),
    method: req.method ?? '',
    target: req.url ?? '',
    host: authority,
    headers,
    body: Buffer.concat(chunks).toString('latin1'),
    trailers: pairsOf(req.rawTrailers),
  })
  res.end('seen')
}

function pairsOf(flat: readonly string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i] as string, flat[2 * i + 1] as string])
}

/** nginx says what it saw in headers of its own, beside what it passes on; in brackets, since the blanks around a value are lost. */
function behindNginx({ headers, ...rest }: Seen): Seen {
  const said = new Map(headers.filter(([name]) => name.startsWith('X-Seen-')).map(([name, value]) => [name.slice(7), value]))
  const bare = (name: string) => (said.get(name) ?? '').slice(1, -1)
  return {
    ...rest,
    server: 'nginx',
    version: (said.get('Protocol') ?? '').replace('HTTP/', '').slice(0, 1),
    target: bare('Target'),
    path: bare('Path'),
    query: bare('Query'),
    host: said.get('Host') ?? '',
    headers: headers.filter(([name]) => !name.startsWith('X-Seen-')),
  }
}

async function startNginx(
  files: string,
  certificates: string,
  sink: string,
  children: ChildProcess[],
): Promise<{ readonly plain: number; readonly secure: number }> {
  const [plain = 0, secure = 0] = await freePorts(2)
  // One process, so that it runs as who runs the test and reaches the socket.
  writeFileSync(
    join(files, 'nginx.conf'),
    `daemon off; master_process off; pid ${files}/nginx.pid; error_log ${files}/nginx.log crit;
events { worker_connections 1024; }
http {
  access_log off; client_max_body_size 0; ignore_invalid_headers off; underscores_in_headers on; large_client_header_buffers 8 32k;
  client_body_temp_path ${files}/b; proxy_temp_path ${files}/p; fastcgi_temp_path ${files}/f; uwsgi_temp_path ${files}/u; scgi_temp_path ${files}/s;
  server {
    listen 127.0.0.1:${plain}; listen 127.0.0.1:${secure} ssl http2;
    ssl_certificate ${certificates}/origin.crt; ssl_certificate_key ${certificates}/origin.key;
    location / {
      proxy_pass http://unix:${sink}; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_set_header X-Seen-Protocol $server_protocol; proxy_set_header X-Seen-Host $http_host;
      proxy_set_header X-Seen-Target "[$request_uri]"; proxy_set_header X-Seen-Path "[$uri]"; proxy_set_header X-Seen-Query "[$args]";
    }
  }
}\n`,
  )
  const [program, ...words] = endingWithUs('nginx', '-c', join(files, 'nginx.conf'), '-p', files, '-e', join(files, 'nginx.log'))
  children.push(spawn(program, words, { stdio: 'ignore' }))
  await eventually('nginx listens', () => accepts(secure))
  return { plain, secure }
}

/** Of nothing that listens: the ports may be taken meanwhile, and nginx would say so. */
async function freePorts(count: number): Promise<readonly number[]> {
  const held = Array.from({ length: count }, () => createTcpServer().listen(0, '127.0.0.1'))
  await Promise.all(held.map((server) => once(server, 'listening')))
  const ports = held.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(port, '127.0.0.1')
    probe
      .once('error', () => resolve(false))
      .once('connect', () => {
        probe.destroy()
        resolve(true)
      })
  })
}

async function startGo(
  files: string,
  certificates: string,
  children: ChildProcess[],
  push: (seen: Seen) => void,
): Promise<{ readonly plain: number; readonly secure: number }> {
  const program = join(files, 'go-origin')
  await promisify(execFile)((await goProgram()).program, ['build', '-o', program, '.'], { cwd: join(import.meta.dirname, 'go-origin') })
  const [name, ...words] = endingWithUs(program, certificates)
  const child = spawn(name, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const lines = createInterface({ input: child.stdout })
  const [first] = (await once(lines, 'line')) as [string]
  lines.on('line', (line) => push(JSON.parse(line) as Seen))
  return JSON.parse(first) as { plain: number; secure: number }
}
