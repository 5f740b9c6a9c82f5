/** The sink that is a topic of Kafka, and the consumer that verifies it, over a broker of Apache Kafka. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { createBackoff } from '../../src/core/index.ts'
import { createFirstUseKeys, createWriter, type Finding, type FleetMessage, follow } from '../../src/fleet/index.ts'
import { deliver } from '../../src/sinks/deliver.ts'
import { createKafkaSink, type KafkaSettings } from '../../src/sinks/kafka/kafka-sink.ts'
import type { Shipped, Sink } from '../../src/sinks/sink.ts'
import { eachCase, times } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { type FleetGateway, fleetGateway } from '../support/fleet.ts'
import { createFolder } from '../support/folder.ts'
import { createInstallation, main, startHere } from '../support/installation.ts'
import { fetchKafka, type Kafka, startKafka } from '../support/kafka.ts'
import { testWith, unless } from '../support/tools.ts'

const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
const compilerTest = await testWith('compiler')
const missing = await fetchKafka()
let kafka: Kafka

before(async () => {
  if (missing === null) kafka = await startKafka(whole)
})
after(async () => {
  for (const cleanup of whole.cleanups.toReversed()) await cleanup()
})

const settings = (topic: string, changes: Partial<KafkaSettings> = {}): KafkaSettings => ({
  ...{ brokers: kafka.brokers, topic, compression: 'zstd', view: 'json', heartbeat: 60_000 },
  ...changes,
})

function sinkOf(t: TestContext, { origin, verifierKey }: FleetGateway, given: KafkaSettings, folder = createFolder(t)): Sink {
  const sink = createKafkaSink(given, { origin, verifierKey, folder, version: '1.2.3' })
  t.after(() => sink.close())
  return sink
}

/** Delivers until it is taken, as the shipper does. */
async function ship(sink: Sink, batch: readonly Shipped[], withinMs = 10_000): Promise<void> {
  for (;;) {
    try {
      return void (await sink.deliver(batch, AbortSignal.timeout(withinMs)))
    } catch {
      // Again, all of it.
    }
  }
}

const indexesOf = (messages: readonly FleetMessage[]) => messages.flatMap((message) => (message.kind === 'record' ? [message.index] : []))

/** Reads the topic once to its end. */
async function read(t: TestContext, topic: string, folder = createFolder(t), connection: Partial<KafkaSettings> = {}) {
  const findings: Finding[] = []
  const messages: FleetMessage[] = []
  const result = await follow({
    ...{ connection: { brokers: kafka.brokers, ...connection }, topic, folder, keys: createFirstUseKeys() },
    ...{ isOnce: true, silentAfterMs: 3_600_000, signal: AbortSignal.timeout(60_000) },
    onFinding: (found) => findings.push(found),
    onMessages: async (taken) => void messages.push(...taken),
    onFailure: () => {},
  })
  return { ...result, messages, kinds: findings.map(({ kind }) => kind) }
}

test(
  'two gateways into one topic are each proven to their end, and read on from where the consumer came to',
  unless(missing),
  async (t) => {
    await kafka.createTopic('fleet', 3)
    const [one, other] = [fleetGateway(), fleetGateway()]
    const [oneSink, otherSink] = [sinkOf(t, one, settings('fleet')), sinkOf(t, other, settings('fleet', { compression: 'none' }))]
    await Promise.all([
      ship(oneSink, [...one.records(2000), one.checkpoint()]),
      ship(otherSink, [...other.records(500), other.checkpoint()]),
    ])
    const folder = createFolder(t)
    const first = await read(t, 'fleet', folder)
    assert.deepEqual(first.kinds, ['new-gateway', 'new-gateway'])
    assert.deepEqual(
      new Map(first.gateways.map(({ origin, proven }) => [origin, proven?.size])),
      new Map([
        [one.origin, 2000],
        [other.origin, 500],
      ]),
    )
    await ship(oneSink, [...one.records(10), one.checkpoint()])
    const second = await read(t, 'fleet', folder)
    assert.equal(second.messages.length, 11)
    assert.deepEqual(second.kinds, [])
  },
)

test(
  'a broker that is killed in the middle loses and reorders nothing, and a consumer that follows goes on',
  unless(missing),
  async (t) => {
    await kafka.createTopic('killed')
    const gateway = fleetGateway()
    const sink = sinkOf(t, gateway, settings('killed'))
    const stop = new AbortController()
    const [failed, done] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const followed: number[] = []
    const following = follow({
      ...{ connection: settings('killed'), topic: 'killed', folder: createFolder(t), keys: createFirstUseKeys() },
      ...{ isOnce: false, silentAfterMs: 3_600_000, signal: stop.signal },
      onFinding: () => {},
      async onMessages(messages) {
        followed.push(...indexesOf(messages))
        if (followed.at(-1) === 4299) done.resolve()
      },
      onFailure: () => failed.resolve(),
    })
    await ship(sink, gateway.records(300))
    const shipping = times(20, () => ship(sink, [...gateway.records(200), gateway.checkpoint()], 3000))
    await kafka.kill()
    await failed.promise
    await kafka.start()
    await shipping
    await done.promise
    stop.abort()
    assert.deepEqual(
      followed,
      Array.from({ length: 4300 }, (_, index) => index),
    )
    assert.equal((await following).errors, 0)
    const { gateways, kinds, messages } = await read(t, 'killed')
    assert.deepEqual(kinds, ['new-gateway'])
    assert.equal(gateways[0]?.proven?.size, 4300)
    assert.deepEqual(indexesOf(messages), followed)
  },
)

test('a broker that hangs is not waited for, and gets what it may have taken once more', unless(missing), async (t) => {
  await kafka.createTopic('hanging')
  const gateway = fleetGateway()
  const sink = sinkOf(t, gateway, settings('hanging'))
  await ship(sink, gateway.records(5))
  const batch = [...gateway.records(5), gateway.checkpoint()]
  kafka.pause()
  await assert.rejects(sink.deliver(batch, AbortSignal.timeout(300)), { name: 'TimeoutError' })
  kafka.goOn()
  await ship(sink, batch)
  const { kinds, gateways } = await read(t, 'hanging')
  assert.deepEqual(kinds, ['new-gateway'])
  assert.equal(gateways[0]?.proven?.size, 10)
})

test('a consumer that is killed goes on where it was, and misses nothing', unless(missing), async (t) => {
  await kafka.createTopic('interrupted')
  const gateway = fleetGateway()
  const sink = sinkOf(t, gateway, settings('interrupted'))
  const folder = createFolder(t)
  const lines = join(folder, 'all.jsonl')
  const words = ['audit', 'follow', '--brokers', String(kafka.brokers), '--topic', 'interrupted', '--state', folder, '--write-lines', lines]
  const child = spawn(process.execPath, ['--no-warnings', main, ...words], { stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  const shipping = times(40, () => ship(sink, [...gateway.records(50), gateway.checkpoint()]))
  await eventually('something is written', () => existsSync(lines) && statSync(lines).size > 0)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await shipping
  const { stdout, code } = await command(process.execPath, ['--no-warnings', main, ...words, '--once', '--json'])
  assert.equal(code, 0, stdout)
  assert.equal(JSON.parse(stdout.trim().split('\n').at(-1) ?? '').proven, 2000)
  const written = readFileSync(lines, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { index?: number })
  const indexes = written.flatMap(({ index }) => (index === undefined ? [] : [index]))
  assert.deepEqual(
    [...new Set(indexes)],
    Array.from({ length: 2000 }, (_, index) => index),
  )
})

test(
  'messages that the topic removed before they were read are said, and the next checkpoint is gone on from',
  unless(missing),
  async (t) => {
    await kafka.createTopic('cut')
    const gateway = fleetGateway()
    const folder = createFolder(t)
    const sink = sinkOf(t, gateway, settings('cut'), folder)
    await ship(sink, [...gateway.records(10), gateway.checkpoint()])
    const state = createFolder(t)
    await read(t, 'cut', state)
    await ship(sink, gateway.records(10))
    const records = gateway.records(10)
    gateway.writeTiles(folder)
    await ship(sink, [...records, gateway.checkpoint()])
    // The checkpoint, and the ten records behind it.
    await kafka.removeBelow('cut', 21n)
    const { kinds, gateways } = await read(t, 'cut', state)
    assert.deepEqual(kinds, ['topic-cut', 'gap'])
    assert.deepEqual([gateways[0]?.proven?.size, gateways[0]?.missing], [30, [[10, 20]]])
    const late = await read(t, 'cut')
    assert.deepEqual(late.kinds, ['started-late', 'new-gateway'])
    assert.equal(late.gateways[0]?.proven?.size, 30)
  },
)

test('TLS and each way of logging in reach the topic, and a wrong password does not', unless(missing), async (t) => {
  await kafka.createTopic('secured')
  const gateway = fleetGateway()
  const { brokers, ca } = kafka.secured
  const plain = { brokers, tls: { ca }, sasl: { mechanism: 'PLAIN', username: 'gateway', password: 'secret' } } as const
  const scram = { ...plain, sasl: { ...plain.sasl, mechanism: 'SCRAM-SHA-512' } } as const
  const wrong = { ...plain, sasl: { ...plain.sasl, password: 'guessed' } } as const
  const batch = gateway.records(3)
  await assert.rejects(sinkOf(t, gateway, settings('secured', wrong)).deliver(batch, AbortSignal.timeout(10_000)), /Kafka: /)
  await assert.rejects(
    sinkOf(t, gateway, settings('secured', { ...plain, tls: {} })).deliver(batch, AbortSignal.timeout(10_000)),
    /Kafka: /,
  )
  await ship(sinkOf(t, gateway, settings('secured', plain)), batch)
  await ship(sinkOf(t, gateway, settings('secured', scram)), [...gateway.records(2), gateway.checkpoint()])
  const { kinds, gateways } = await read(t, 'secured', createFolder(t), scram)
  assert.deepEqual(kinds, ['new-gateway'])
  assert.equal(gateways[0]?.proven?.size, 5)
})

test(
  'a record that is too large for the topic is refused, and records that are too large together come in parts',
  unless(missing),
  async (t) => {
    await kafka.createTopic('small', 1, { 'max.message.bytes': '10000' })
    const gateway = fleetGateway()
    const sink = sinkOf(t, gateway, settings('small', { compression: 'none' }))
    const batch = [...gateway.records(5, 'x'.repeat(4000)), ...gateway.records(1, 'x'.repeat(20_000)), ...gateway.records(1)]
    const backoff = createBackoff({ minMs: 10, maxMs: 10 })
    const { refused } = await deliver(batch, {
      ...{ sink, timeoutMs: 10_000, backoff, signal: AbortSignal.timeout(60_000) },
      onFailure: () => assert.fail('it is no failure that is tried again'),
    })
    assert.deepEqual(
      refused.map(({ item }) => item),
      [batch[5]],
    )
    assert.deepEqual(new Set(indexesOf((await read(t, 'small')).messages)), new Set([0, 1, 2, 3, 4, 6]))
  },
)

test('a gateway without work sends its last checkpoint again, so that it is not silent', unless(missing), async (t) => {
  await kafka.createTopic('idle')
  const gateway = fleetGateway()
  const sink = sinkOf(t, gateway, settings('idle', { heartbeat: 50 }))
  await ship(sink, [...gateway.records(1), gateway.checkpoint()])
  const folder = createFolder(t)
  await eventually('it comes again', async () => ((await read(t, 'idle', folder)).gateways[0]?.duplicates ?? 0) > 0)
})

test('what is read is written as a folder for each gateway, and as JSON lines', unless(missing), async (t) => {
  await kafka.createTopic('written')
  const gateway = fleetGateway()
  const batch = [...gateway.records(3), gateway.checkpoint()]
  await ship(sinkOf(t, gateway, settings('written')), batch)
  const { messages } = await read(t, 'written')
  const folder = createFolder(t)
  const [folders, lines] = [createWriter('folders', folder), createWriter('lines', join(folder, 'all.jsonl'))]
  await folders.write(messages)
  await lines.write(messages)
  await Promise.all([folders.close(), lines.close()])
  const own = join(folder, gateway.origin.replace('sallyport/', ''))
  assert.equal(
    readFileSync(join(own, 'records.jsonl'), 'utf8'),
    batch
      .slice(0, 3)
      .map(({ text }) => `${text}\n`)
      .join(''),
  )
  assert.equal(readFileSync(join(own, 'checkpoint'), 'utf8'), gateway.checkpoint().note)
  assert.equal(readFileSync(join(folder, 'all.jsonl'), 'utf8').split('\n').length, 5)
})

/** A token without a signature, as the broker takes it. */
const unsecuredToken = (subject: string) =>
  [{ alg: 'none' }, { sub: subject, iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 600 }]
    .map((part) => `${Buffer.from(JSON.stringify(part)).toString('base64url')}.`)
    .join('')

test('a gateway ships its log as sallyport.yaml says, and "audit follow" verifies it', unless(missing), async (t) => {
  const { secured, mutual } = kafka
  const sinks = [
    `{ type: kafka, name: mutual, topic: mutual, brokers: ["${mutual.brokers}"], compression: lz4, heartbeat: 30s, tls: { ca: ca.pem, serverName: localhost, clientCertificate: { certificate: client.pem, key: client.key } } }`,
    `{ type: kafka, name: token, topic: token, brokers: ["${secured.brokers}"], tls: { ca: ca.pem }, sasl: { mechanism: OAUTHBEARER, tokenFile: token } }`,
    `{ type: kafka, name: password, topic: password, brokers: ["${secured.brokers}"], tls: { ca: ca.pem }, sasl: { mechanism: PLAIN, username: gateway, password: { file: password } } }`,
  ]
  const installation = createInstallation(t, { config: `audit: { sinks: [${sinks.join(', ')}] }` })
  const inFolder = (name: string) => join(installation.folder, name)
  const files = {
    'ca.pem': secured.ca,
    'client.pem': mutual.certificate,
    'client.key': mutual.key,
    token: unsecuredToken('gateway'),
    password: 'secret\n',
  }
  eachCase(Object.entries(files), ([name, content]) => writeFileSync(inFolder(name), content, { mode: 0o600 }))
  await eachCase(['mutual', 'token', 'password'], (topic) => kafka.createTopic(topic))
  const { gateway } = await startHere(t, installation)
  await gateway.close()
  const count = installation.records().length
  await eachCase(['mutual', 'token', 'password'], async (topic) => {
    const { messages, gateways } = await read(t, topic)
    assert.equal(indexesOf(messages).length, count)
    assert.deepEqual(gateways[0]?.missing, [])
  })
  const login = ['--tls-ca', inFolder('ca.pem'), '--sasl', 'SCRAM-SHA-512', '--user', 'gateway', '--password-file', inFolder('password')]
  const words = [
    'audit',
    'follow',
    '--brokers',
    String(secured.brokers),
    '--topic',
    'password',
    '--state',
    inFolder('read'),
    '--once',
    '--json',
  ]
  const { stdout, stderr, code } = await command(process.execPath, ['--no-warnings', main, ...words, ...login])
  assert.equal(code, 0, stderr)
  const { ok, next, stopped, proven } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  assert.deepEqual({ ok, next, stopped, proven }, { ok: true, next: count, stopped: true, proven: count })
})

compilerTest('what a gateway’s rules keep from the topic, or mask, is proven by its hashes', unless(missing), async (t) => {
  await kafka.createTopic('filtered')
  const sink = `{ type: kafka, name: filtered, topic: filtered, brokers: ["${kafka.brokers}"], rules: ./rules }`
  const installation = createInstallation(t, { config: `audit: { sinks: [${sink}] }` })
  mkdirSync(join(installation.folder, 'rules'))
  installation.write(
    'rules/log.rego',
    'package system.log\ndrop if input.input.type == "activated"\nmask contains "/input/pid" if input.input.type == "started"\n',
  )
  const { gateway } = await startHere(t, installation)
  const before = createFolder(t)
  await eventually('the rules are compiled', async () => (await read(t, 'filtered', before)).gateways.length > 0)
  await gateway.close()
  const records = installation.records()
  const { gateways, kinds, messages } = await read(t, 'filtered')
  assert.deepEqual(new Set(kinds), new Set(['new-gateway', 'left-out', 'not-covered']))
  assert.equal(gateways[0]?.proven?.size, records.length)
  const texts = messages.flatMap((message) => (message.kind === 'record' ? [message.value.toString()] : []))
  assert.deepEqual([texts.some((text) => text.includes('"activated"')), texts.some((text) => text.includes('"pid"'))], [false, false])
})

test('"audit follow" says which file cannot be read', async (t) => {
  const words = ['audit', 'follow', '--brokers', '127.0.0.1:1', '--topic', 'audit', '--state', createFolder(t), '--keys', '/nowhere']
  const { stderr, code } = await command(process.execPath, ['--no-warnings', main, ...words])
  assert.equal(code, 1)
  assert.equal(stderr, "the file of keys cannot be read: ENOENT: no such file or directory, open '/nowhere'\n")
})

test('"audit follow" says that the topic cannot be read, and ends with 69', unless(missing), async (t) => {
  const words = ['audit', 'follow', '--brokers', String(kafka.brokers), '--topic', 'nowhere', '--state', createFolder(t), '--once']
  const { stderr, code } = await command(process.execPath, ['--no-warnings', main, ...words])
  assert.equal(code, 69, stderr)
  assert.match(stderr, /the topic cannot be read: .*nowhere/)
})
