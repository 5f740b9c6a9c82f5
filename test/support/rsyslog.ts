/** The distribution's rsyslog as a receiver of syslog over TLS, which writes what it gets into a file. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createClientCertificate, createOriginCertificate } from './certificates.ts'
import { eventually } from './eventually.ts'
import { createFolder } from './folder.ts'
import { connect } from './sockets.ts'
import { firstProgram } from './tools.ts'

export interface Rsyslog {
  readonly port: number
  /** PEM of the CA that its certificate comes from. */
  readonly ca: string
  readonly clientCertificate: { readonly certificate: string; readonly key: string }
  /** Priority, time, application, message id, structured data and message of each message, in the order of their arrival. */
  messages(): readonly Message[]
  stop(): Promise<void>
  /** At the same port. */
  start(): Promise<void>
}

export interface Message {
  readonly priority: number
  readonly time: string
  readonly application: string
  readonly id: string
  readonly data: string
  readonly text: string
}

/** `null` where it can be started. */
export async function withoutRsyslog(): Promise<string | null> {
  return (await firstProgram('rsyslogd', '/usr/sbin/rsyslogd')).missing
}

/** Takes clients with a certificate of the name `gateway` only. Ends with the test. */
export async function startRsyslog(t: TestContext): Promise<Rsyslog> {
  const folder = createFolder(t)
  const { ca, certificate, key } = await createOriginCertificate(folder, 'localhost')
  const client = await createClientCertificate('gateway')
  const path = (name: string) => join(folder, name)
  for (const [name, text] of Object.entries({ 'ca.pem': `${ca}\n${client.certificate}\n`, 'cert.pem': certificate, 'key.pem': key }))
    writeFileSync(path(name), text)
  const state: { port: number; stop: () => Promise<void> } = { port: 0, stop: async () => {} }
  const { program } = await firstProgram('rsyslogd', '/usr/sbin/rsyslogd')

  async function start(): Promise<void> {
    writeFileSync(path('rsyslog.conf'), configuration(path, state.port))
    const child = spawn(program, ['-n', '-f', path('rsyslog.conf'), '-i', path('pid')], { stdio: 'ignore' })
    const exit = once(child, 'exit')
    state.stop = async () => {
      child.kill('SIGTERM')
      await exit
    }
    // It names the port only where it chose one.
    state.port = await eventually('rsyslog listens', async () => {
      const port = state.port === 0 ? Number(readFileSync(path('port'), 'utf8')) : state.port
      await answers(port)
      return port
    })
  }

  await start()
  t.after(() => state.stop())
  return {
    port: state.port,
    ca,
    clientCertificate: client,
    messages: () => (existsSync(path('out')) ? readFileSync(path('out'), 'utf8').split('\n').slice(0, -1).map(messageOf) : []),
    stop: () => state.stop(),
    start,
  }
}

async function answers(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.destroy()
}

function messageOf(line: string): Message {
  const [priority, time = '', application = '', id = '', data = '', text = ''] = line.split('\t')
  return { priority: Number(priority), time, application, id, data, text }
}

function configuration(path: (name: string) => string, port: number): string {
  return `
global(workDirectory="${path('')}" maxMessageSize="64k" defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="${path('ca.pem')}" defaultNetstreamDriverCertFile="${path('cert.pem')}" defaultNetstreamDriverKeyFile="${path('key.pem')}")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/name" permittedPeer=["gateway"])
template(name="fields" type="string" string="%pri%\\t%timereported:::date-rfc3339%\\t%app-name%\\t%msgid%\\t%structured-data%\\t%msg%\\n")
ruleset(name="sallyport") { action(type="omfile" file="${path('out')}" template="fields") }
input(type="imtcp" address="127.0.0.1" port="${port}" listenPortFileName="${path('port')}" ruleset="sallyport")
`
}
