/** A gateway whose callers take all the descriptors that they can get: it goes on, records, and follows its folders. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { watchFolder } from '../../src/files/index.ts'
import { manifestFiles } from '../../src/manifests/index.ts'
import { verifyAudit } from '../../src/proof/index.ts'
import { createDescriptors } from '../../src/shares/index.ts'
import { eachCase, times } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { countDescriptors } from '../support/descriptors.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { createInstallation, exchangeRaw, main, manifest, networkTo, proxyHeader, startChild } from '../support/installation.ts'
import { walNames } from '../support/log-records.ts'
import { startOrigin } from '../support/origin.ts'
import { connect } from '../support/sockets.ts'

const limit = 120
const isLinux = process.platform === 'linux'

async function openIdle(t: TestContext, port: number, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1'))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  await Promise.all(sockets.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])))
  return sockets
}

test('idle connections take no descriptor that the gateway needs for itself', { skip: isLinux ? false : 'needs /proc' }, async (t) => {
  const origin = await startOrigin(t)
  const rest = `${networkTo(origin.port)}\nlimits: { arrivals: { rate: 10000/s }, requests: { rate: 10000/s } }`
  const installation = createInstallation(t, {
    config: 'audit: { maxSegment: 1KiB }\nhttp: { headersTimeout: 1h, keepAlive: 1h }',
    manifests: { 'weather.yaml': manifest('weather', rest) },
  })
  const child = await startChild(t, installation, {
    command: ['bash', '-c', `ulimit -n ${limit}; exec "$0" "$@"`, process.execPath, main],
  })
  const ask = async (name: string): Promise<string> => {
    const host = `localhost:${origin.port}`
    const head = `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${proxyHeader(name)}\r\nConnection: close\r\n\r\n`
    return (await exchangeRaw(child.proxyPort, head)).slice(0, 12)
  }
  await openIdle(t, child.proxyPort, 400)
  await openIdle(t, child.healthPort, 100)
  const folder = join(installation.folder, 'state/audit')
  const segments = () => walNames(folder).length
  const before = segments()
  // More than a minute's looks at the folders would bring: each reads with descriptors.
  await times(10, async (round) => {
    installation.write('integrations/next.yaml', manifest(`next${round}`, rest))
    renameSync(join(installation.folder, 'integrations/next.yaml'), join(installation.folder, `integrations/next${round}.yaml`))
    assert.equal(await ask('weather'), 'HTTP/1.1 200', child.stderr())
    assert.equal((await fetch(`http://127.0.0.1:${child.healthPort}/readyz`)).status, 200)
    await openIdle(t, child.proxyPort, 40)
  })
  await eventually('the new manifests are in force', async () => (await ask('next9')) === 'HTTP/1.1 200')
  assert.ok(countDescriptors(child.process.pid ?? 0) < limit)
  assert.ok(segments() > before + 3)
  assert.doesNotMatch(child.stderr(), /"level":"(?:error|fatal)"/)
  child.process.kill('SIGTERM')
  assert.deepEqual(await child.exited(), { code: 0, signal: null })
  assert.deepEqual((await verifyAudit(folder)).findings, [])
})

/** Two integrations that may ask any host below h.localhost, and a gateway with few descriptors. */
async function arrangeTwo(t: TestContext, descriptors: number) {
  let hanging = 0
  const origin = await startOrigin(t, {
    answer: (req, res) => {
      if (req.url === '/hang') hanging += 1
      else res.end('hello')
    },
  })
  const rest = `network: [{ hosts: ["*.h.localhost"], ports: [${origin.port}], tls: none, addresses: [127.0.0.0/8, "::1/128"] }]`
  const installation = createInstallation(t, {
    config: 'drainTimeout: 10ms',
    manifests: { 'greedy.yaml': manifest('greedy', rest), 'weather.yaml': manifest('weather', rest) },
  })
  const { proxyPort } = await startChild(t, installation, {
    command: ['bash', '-c', `ulimit -n ${descriptors}; exec "$0" "$@"`, process.execPath, main],
  })
  const head = (name: string, host: string, path: string) =>
    `GET http://${host}.h.localhost:${origin.port}${path} HTTP/1.1\r\nHost: gateway\r\nProxy-Authorization: ${proxyHeader(name)}\r\nConnection: close\r\n\r\n`
  const ask = (name: string, host: string, path = '/') => exchangeRaw(proxyPort, head(name, host, path))
  return { ask, hanging: () => hanging }
}

test('connections that wait at many origins keep no other integration out: those of one give way to its own next one', async (t) => {
  const { ask } = await arrangeTwo(t, limit)
  await times(100, async (i) => assert.match(await ask('greedy', `a${i}`), /^HTTP\/1\.1 200 /, `${i}`))
  await times(10, async (i) => assert.match(await ask('weather', `b${i}`), /^HTTP\/1\.1 200 /, `${i}`))
})

test('an integration that holds its share of the connections to origins is refused more, and another gets its own', async (t) => {
  const { ask, hanging } = await arrangeTwo(t, 250)
  const answers: string[] = []
  times(55, (i) => {
    ask('greedy', `a${i}`, '/hang').then(
      (answer) => void answers.push(answer),
      () => {},
    )
  })
  // (250 − 62 that are reserved) / 2 lead to origins, and one integration has half of these.
  await eventually('all are held or refused', () => hanging() === 47 && answers.length === 8)
  eachCase(answers, (answer) => {
    assert.match(answer, /^HTTP\/1\.1 429 .*"code":"connections-exceeded"/s)
    assert.match(answer, /this integration holds its share of those that the gateway has/)
    assert.match(answer, /retry-after: 1\r\n/i)
  })
  await times(5, async (i) => assert.match(await ask('weather', `b${i}`), /^HTTP\/1\.1 200 /, `${i}`))
})

test('doctor compares the limit of open files with the connections that are allowed', async (t) => {
  const installation = createInstallation(t, { config: 'http: { maxConnections: 1000 }' })
  const doctor = (descriptors: number) =>
    command('bash', [
      '-c',
      `ulimit -n ${descriptors}; exec "$0" "$@"`,
      process.execPath,
      main,
      'doctor',
      '--config',
      installation.configFile,
    ])
  assert.match(
    (await doctor(1000)).stdout,
    /^warn {2}descriptors +enough for 436 connections of callers, and http.maxConnections allows 1000: /m,
  )
  assert.match((await doctor(4000)).stdout, /^ok {4}descriptors +enough for the 1000 connections/m)
})

test('descriptors are scarce before there are none', { skip: isLinux ? false : 'needs /proc' }, () => {
  assert.deepEqual(
    [4, 100, 65_536, null].map((item) => createDescriptors(item).forCallers),
    [1, 37, 32_704, null],
  )
  eachCase([[4, false] as const, [1_000_000, true] as const, [null, true] as const], ([of, may]) =>
    assert.deepEqual([createDescriptors(of).mayAccept(), createDescriptors(of).mayDial()], [may, may]),
  )
})

test('of the connections to origins one integration gets half, the next half of the rest, and what was given back is there again', () => {
  const { takeDial, giveDial } = createDescriptors(120)
  const takeAll = (owner: string) => {
    let taken = 0
    while (takeDial(owner)) taken += 1
    return taken
  }
  // 45 of 120 are for callers, 30 for the gateway itself.
  assert.deepEqual([takeAll('greedy'), takeAll('weather'), takeAll('third')], [22, 11, 6])
  times(22, () => {
    giveDial('greedy')
  })
  assert.ok(takeAll('weather') > 0)
  const unbounded = createDescriptors(null)
  times(100_000, () => assert.equal(unbounded.takeDial('greedy'), true))
})

test('a folder that cannot be looked at for want of descriptors has not changed', async (t) => {
  const { default: promises } = await import('node:fs/promises')
  const folder = createFolder(t, { 'a.yaml': 'a' })
  let changes = 0
  let looks = 0
  let scarce = false
  const { syncBuiltinESMExports } = await import('node:module')
  const { readdir } = promises
  t.after(() => {
    promises.readdir = readdir
    syncBuiltinESMExports()
  })
  promises.readdir = ((...args: Parameters<typeof readdir>) => {
    looks += 1
    return scarce ? Promise.reject(Object.assign(new Error('EMFILE'), { code: 'EMFILE' })) : readdir(...args)
  }) as typeof readdir
  syncBuiltinESMExports()
  const { stop } = watchFolder(
    folder,
    manifestFiles,
    () => {
      changes += 1
    },
    () => {},
    { everyMs: 5 },
  )
  t.after(stop)
  await eventually('it looks', () => looks > 2)
  scarce = true
  const before = looks
  await eventually('it looked in vain', () => looks > before + 3)
  assert.equal(changes, 0)
  writeFileSync(join(folder, 'b.yaml'), 'b')
  scarce = false
  await eventually('the change is told', () => changes === 1)
})
