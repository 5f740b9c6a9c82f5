/** An installation in a folder of its own: configuration, manifests, and a gateway in this process or in one of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { loadConfig } from '../../src/config/index.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../../src/gateway/gateway.ts'
import { commandFolders, createCompile } from '../../src/opa/index.ts'
import { endingWithUs, endsWithParent } from './children.ts'
import { recordsIn } from './log-records.ts'
import { requireRecordsIn } from './record-schemas.ts'
import { connect } from './sockets.ts'

export const root = join(import.meta.dirname, '../..')
export const main = join(root, 'src/main.ts')

export interface Installation {
  readonly folder: string
  readonly configFile: string
  write(name: string, text: string): void
  read(name: string): string
  /** Every record of the audit log so far. */
  records(): Record<string, unknown>[]
}

export interface InstallationOptions {
  /** YAML behind the fixed part of sallyport.yaml. */
  readonly config?: string
  /** File name → YAML. */
  readonly manifests?: Readonly<Record<string, string>>
}

/** Removed when the test ends. Ports are free ones. */
export function createInstallation(t: Pick<TestContext, 'after'>, { config = '', manifests = {} }: InstallationOptions = {}): Installation {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  mkdirSync(join(folder, 'integrations'))
  write(
    'sallyport.yaml',
    `apiVersion: sallyport/v1\nkind: Gateway\nadmin: { health: "127.0.0.1:0" }\n${config.includes('listeners:') ? '' : 'listeners: [{ name: proxy, address: "127.0.0.1:0" }]\n'}${config}\n`,
  )
  for (const [name, text] of Object.entries(manifests)) write(`integrations/${name}`, text)
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  return {
    folder,
    configFile: join(folder, 'sallyport.yaml'),
    write,
    read,
    records: () => recordsIn(join(folder, 'state/audit')).map((record) => JSON.parse(record) as Record<string, unknown>),
  }
}

/** A manifest of `name` whose token is `<name>-token`; `rest` is YAML. */
export function manifest(name: string, rest: string): string {
  return `apiVersion: sallyport/v1\nkind: Integration\nname: ${name}\nowner: tests\nidentity: { tokens: [{ sha256: ${hash('sha256', `${name}-token`)} }] }\n${rest}\n`
}

/** The `network` of a manifest that may ask anything of an origin on this machine, in plain HTTP. */
export function networkTo(port: number): string {
  return `network: [{ hosts: [localhost], ports: [${port}], tls: none, addresses: [127.0.0.0/8, "::1/128"] }]`
}

export interface Running {
  readonly gateway: Gateway
  readonly proxyPort: number
  readonly log: string[]
}

/** What was compiled before, by whichever test, is not compiled again: most tests are about what the rules decide. */
const compile = createCompile()
/** For the tests that are about what happens while rules are compiled. */
export const compileAnew = createCompile({ ...commandFolders(), keepsAnswers: false })

/** A gateway in this process; closed when the test ends. Whatever it recorded must be what the schemas of records say. */
export async function startHere(
  t: Pick<TestContext, 'after'>,
  { configFile }: Pick<Installation, 'configFile'>,
  options: Pick<GatewayOptions, 'harden' | 'compile' | 'wallClock'> = {},
): Promise<Running> {
  const log: string[] = []
  const config = loadConfig(configFile)
  const gateway = await startGateway(config, { compile, ...options, logTo: { write: (line) => void log.push(line) } })
  t.after(async () => {
    await gateway.close()
    await requireRecordsIn(config.audit.folder)
  })
  return { gateway, proxyPort: portOf(gateway), log }
}

export function portOf({ listeners }: Gateway, index = 0): number {
  const address = listeners[index]?.address
  // 0 for a Unix socket.
  return address !== undefined && 'port' in address ? address.port : 0
}

export interface Child {
  readonly process: ChildProcess
  readonly proxyPort: number
  readonly healthPort: number
  readonly stderr: () => string
  exited(): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** A gateway in a process of its own; killed when the test ends. Resolves when it says that it is ready. */
export async function startChild(
  t: TestContext,
  { configFile }: Installation,
  { command = [process.execPath, main], detached = false }: { command?: readonly string[]; detached?: boolean } = {},
): Promise<Child> {
  const [name = '', ...given] = command
  // By its parent's id where the kernel does not end it; one whose parent is gone before it looks would not know.
  const watching = given.flatMap((word) => (word === main ? ['--import', endsWithParent, main] : [word]))
  const [program, ...words] = endingWithUs(name, ...watching, 'run', '--config', configFile)
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], detached })
  // A launcher that is killed passes nothing on: one with a group of its own is ended with all of it.
  t.after(() => {
    if (child.pid === undefined || !detached) return void child.kill('SIGKILL')
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
  })
  const exit = once(child, 'exit').then(([code, signal]) => ({ code, signal }) as { code: number | null; signal: NodeJS.Signals | null })
  let stderr = ''
  const ready = await new Promise<{ listeners: { address: { port: number } }[]; health: { port: number } }>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
      for (const line of stderr.split('\n')) if (line.includes('"msg":"ready"')) resolve(JSON.parse(line))
    })
    void exit.then(({ code }) => reject(new Error(`the gateway ended with ${code}: ${stderr}`)))
  })
  return {
    process: child,
    proxyPort: ready.listeners[0]?.address.port ?? 0,
    healthPort: ready.health.port,
    stderr: () => stderr,
    exited: () => exit,
  }
}

export const proxyHeader = (name: string) => `Basic ${Buffer.from(`${name}:${name}-token`).toString('base64')}`
export const proxyUrl = (name: string, port: number) => `http://${name}:${name}-token@127.0.0.1:${port}`

/** Sends bytes as they are and gives all that comes back until the other end closes. */
export function exchangeRaw(port: number, bytes: string | Buffer, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.write(bytes))
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
  })
}

/** The same of what the gateway may cut before all of it is sent: what came back until then, also where that was a reset. */
export function exchangeUntilCut(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
  })
}

/** The first bytes of the answer, `''` where there is none; the connection is then closed. */
export function headOf(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request)).on('error', reject)
    socket.once('data', (chunk) => {
      socket.destroy()
      resolve(chunk.toString('latin1'))
    })
    socket.once('close', () => resolve(''))
  })
}
