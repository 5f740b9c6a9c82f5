/** Apache Kafka in KRaft mode, one broker, from its Maven artefacts: in the clear, with TLS and SASL, and with client certificates. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Admin } from '@platformatic/kafka'
import { createClientCertificate, createOriginCertificate } from './certificates.ts'
import { endingWithUs } from './children.ts'
import { command } from './command.ts'
import { eventually } from './eventually.ts'
import { root } from './installation.ts'
import { createServer } from './sockets.ts'

/** What its client fetched, kept for the next run. */
const libraries = join(root, '.cache/kafka-4.3.1')

/** Why there is no broker here; `null` where its files are there, fetched now or before. */
export async function fetchKafka(): Promise<string | null> {
  if ((await command('java', ['-version'])).code !== 0) return 'this machine has no Java, on which Kafka runs'
  if (existsSync(libraries)) return null
  // Whole, or not at all: a run that was cut off leaves nothing that looks like one.
  const fetched = mkdtempSync(`${libraries}-`)
  const words = [
    '-q',
    '-B',
    '-f',
    join(import.meta.dirname, 'kafka/pom.xml'),
    'dependency:copy-dependencies',
    `-DoutputDirectory=${fetched}`,
  ]
  const { code, stdout, stderr } = await command('mvn', words)
  if (code === 0) renameSync(fetched, libraries)
  else rmSync(fetched, { recursive: true })
  return code === 0 ? null : `Maven cannot fetch Kafka: ${`${stdout}${stderr}`.trim().slice(0, 300)}`
}

export interface Kafka {
  /** In the clear. */
  readonly brokers: readonly string[]
  /** TLS and SASL; "gateway" logs in with "secret", by PLAIN or SCRAM-SHA-512. */
  readonly secured: { readonly brokers: readonly string[]; readonly ca: string }
  /** TLS, and a client certificate that is trusted. */
  readonly mutual: { readonly brokers: readonly string[]; readonly certificate: string; readonly key: string }
  createTopic(name: string, partitions?: number, configs?: Readonly<Record<string, string>>): Promise<void>
  /** As retention does: the messages below an offset of the first partition. */
  removeBelow(topic: string, offset: bigint): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** It answers nothing, and its connections stay open, until it is told to go on. */
  pause(): void
  goOn(): void
  /** Again, with what is on disk; resolves when it answers. */
  start(): Promise<void>
}

export async function startKafka(t: Pick<TestContext, 'after'>): Promise<Kafka> {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const [plain = 0, secured = 0, mutual = 0, controller = 0] = await freePorts(4)
  const { key, certificate, ca } = await createOriginCertificate(folder, 'localhost')
  writeFileSync(join(folder, 'broker.pem'), `${key}\n${certificate}\n`)
  const client = await createClientCertificate('gateway')
  writeFileSync(join(folder, 'clients.pem'), `${client.certificate}\n`)
  writeFileSync(join(folder, 'server.properties'), properties(folder, { plain, secured, mutual, controller }))
  const java = (...words: readonly string[]) => [
    '-Xmx512m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    ...log,
    '-cp',
    `${libraries}/*`,
    ...words,
  ]
  const file = join(folder, 'server.properties')
  const scram = 'SCRAM-SHA-512=[name=gateway,password=secret,iterations=4096]'
  const format = await command(
    'java',
    java('kafka.tools.StorageTool', 'format', '-t', 'MkU3OEVBNTcwNTJENDM2Qk', '-c', file, '--add-scram', scram),
  )
  if (format.code !== 0) throw new Error(`Kafka cannot format its folder: ${format.stdout}${format.stderr}`)
  let broker: ChildProcess | null = null
  t.after(() => broker?.kill('SIGKILL'))
  const brokers = [`127.0.0.1:${plain}`]
  const options = { clientId: 'test', bootstrapBrokers: brokers, retries: 0, connectTimeout: 1000 }

  async function start(): Promise<void> {
    const [name, ...words] = endingWithUs('java', ...java('kafka.Kafka', file))
    broker = spawn(name, words, { stdio: ['ignore', 'inherit', 'inherit'], cwd: folder })
    await eventually('Kafka answers', async () => {
      const admin = new Admin(options)
      try {
        return await admin.listTopics()
      } finally {
        await admin.close()
      }
    })
  }

  await start()
  return {
    brokers,
    secured: { brokers: [`localhost:${secured}`], ca },
    mutual: { ...client, brokers: [`127.0.0.1:${mutual}`] },
    async createTopic(topic, partitions = 1, configs = {}) {
      const admin = new Admin(options)
      await admin.createTopics({
        topics: [topic],
        partitions,
        replicas: 1,
        configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
      })
      await admin.close()
    },
    async removeBelow(topic, offset) {
      const admin = new Admin(options)
      await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset }] }] })
      await admin.close()
    },
    async kill() {
      const killed = broker as ChildProcess
      killed.kill('SIGKILL')
      await once(killed, 'exit')
    },
    pause: () => void broker?.kill('SIGSTOP'),
    goOn: () => void broker?.kill('SIGCONT'),
    start,
  }
}

const log = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=off']

function properties(folder: string, { plain, secured, mutual, controller }: Readonly<Record<string, number>>): string {
  mkdirSync(join(folder, 'data'))
  const login = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_gateway="secret";'
  // Takes tokens without a signature, as it is made for tests.
  const token = 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";'
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
listeners=PLAINTEXT://127.0.0.1:${plain},SECURED://127.0.0.1:${secured},MUTUAL://127.0.0.1:${mutual},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${plain},SECURED://localhost:${secured},MUTUAL://127.0.0.1:${mutual}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURED:SASL_SSL,MUTUAL:SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.name.secured.ssl.keystore.type=PEM
listener.name.secured.ssl.keystore.location=${join(folder, 'broker.pem')}
listener.name.secured.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512,OAUTHBEARER
listener.name.secured.plain.sasl.jaas.config=${login}
listener.name.secured.scram-sha-512.sasl.jaas.config=${scram}
listener.name.secured.oauthbearer.sasl.jaas.config=${token}
listener.name.mutual.ssl.keystore.type=PEM
listener.name.mutual.ssl.keystore.location=${join(folder, 'broker.pem')}
listener.name.mutual.ssl.truststore.type=PEM
listener.name.mutual.ssl.truststore.location=${join(folder, 'clients.pem')}
listener.name.mutual.ssl.client.auth=required
log.dirs=${join(folder, 'data')}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
num.network.threads=2
num.io.threads=2
background.threads=1
log.cleaner.enable=false
`
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
