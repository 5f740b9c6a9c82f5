/** Writes of the log fail before, while and after an origin answers: no reply without its record, no record that cannot be read, every start succeeds or says why not. */

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { realFile } from '../../src/audit/append-file.ts'
import type { AppendFile } from '../../src/audit/index.ts'
import { loadConfig } from '../../src/config/index.ts'
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts'
import { verifyAudit } from '../../src/proof/index.ts'
import { times } from '../support/cases.ts'
import { FailingFile, type FailureKind, failureKinds } from '../support/failing-file.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, type Installation, manifest, networkTo, portOf, proxyHeader } from '../support/installation.ts'
import { textOf } from '../support/log-records.ts'
import { startOrigin } from '../support/origin.ts'
import { connect } from '../support/sockets.ts'

const failures = Number(process.env['SALLYPORT_WRITE_FAILURES'] ?? 40)
/** A start reads the last segment: a log of thousands of failures is not what is tested. */
const roundsPerLog = 50

const moments = ['start', 'before', 'during', 'after'] as const

interface Reply {
  readonly status: number
  readonly id: string
}

/** Asks again and again over one connection: what is allowed, what is denied, as nobody, and too often. */
function drive(port: number, originPort: number, count: number): Promise<readonly Reply[]> {
  const targets = [
    ['/v1/a', 'weather'],
    ['/v1/a', 'weather'],
    ['/denied', 'weather'],
    ['/v1/a', 'nobody'],
    ['/v1/a', 'weather'],
    ['/v1/a', 'weather'],
    // Its reply waits for the sum that it is in.
    ['/v1/a', 'flood'],
  ] as const
  return new Promise((resolve) => {
    const replies: Reply[] = []
    let received = ''
    const ask = () => {
      const [path, name] = targets[replies.length % targets.length] ?? targets[0]
      const host = `localhost:${path === '/denied' ? 1 : originPort}`
      socket.write(`GET http://${host}${path} HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${proxyHeader(name)}\r\n\r\n`)
    }
    const socket = connect(port, '127.0.0.1', ask)
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      const end = received.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(received)?.[1])
      if (received.length < end + 4 + length) return
      replies.push({
        status: Number(received.slice(9, 12)),
        id: /\r\nsallyport-request-id: (\S+)/i.exec(received)?.[1] ?? '',
      })
      const closes = /\r\nconnection: close/i.test(received)
      received = ''
      if (replies.length === count) socket.end()
      else if (!closes) ask()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(replies))
  })
}

async function start({ configFile }: Installation, auditFile: AppendFile): Promise<Gateway> {
  return startGateway(loadConfig(configFile), { logTo: { write: () => {} }, auditFile })
}

interface Arranged {
  readonly installation: Installation
  readonly originPort: number
  /** Called in the origin, before it answers. */
  beforeAnswer: () => Promise<void> | null
  afterAnswer: () => void
}

async function arrange(t: TestContext): Promise<Arranged> {
  const origin = await startOrigin(t, {
    answer: async (_req, res) => {
      await arranged.beforeAnswer()
      res.end('hello', () => arranged.afterAnswer())
    },
  })
  const limits = 'limits: { arrivals: { rate: 100000/s }, requests: { rate: 100000/s } }'
  const installation = createInstallation(t, {
    config: 'audit: { maxSegment: 4KiB }',
    manifests: {
      'weather.yaml': manifest('weather', `${networkTo(origin.port)}\n${limits}`),
      'flood.yaml': grant({ name: 'flood', network: [toLocalhost(origin.port)], limits: { arrivals: { rate: '1/h', burst: 1 } } }),
    },
  })
  const arranged: Arranged = { installation, originPort: origin.port, beforeAnswer: () => null, afterAnswer: () => {} }
  return arranged
}

for (const moment of moments)
  test(`writes that fail ${moment === 'start' ? 'at the start' : `${moment} the origin’s answer`}`, async (t) => {
    const arranged = await arrange(t)
    const { installation, originPort } = arranged
    const folder = join(installation.folder, 'state/audit')
    let replied = 0
    let failed = 0
    let refusedStarts = 0
    await times(failures / moments.length, async (round) => {
      const kind = failureKinds[round % failureKinds.length] as FailureKind
      const file = new FailingFile()
      const arm = () => {
        file.armed ??= kind
      }
      if (moment === 'start') arm()
      const wait = round % 7
      let asked = 0
      arranged.beforeAnswer = () => {
        asked += 1
        if (moment !== 'during' || asked <= wait) return null
        arm()
        // The failure comes first, then the answer, where the log is written to at all.
        return Promise.race([file.failed.promise, new Promise((resolve) => setImmediate(() => setImmediate(resolve)))]) as Promise<void>
      }
      arranged.afterAnswer = () => {
        if (moment === 'after' && asked > wait) arm()
      }
      const gateway = await start(installation, file).catch((error: Error) => error)
      if (gateway instanceof Error) {
        assert.match(gateway.message, /^the audit log in .* cannot be written, and nothing would be answered: /)
        refusedStarts += 1
      } else {
        if (moment === 'before') setImmediate(arm)
        const replies = (await Promise.all(Array.from({ length: 4 }, () => drive(portOf(gateway), originPort, 14)))).flat()
        await gateway.close()
        const log = textOf(folder)
        const recorded = new Set([...log.matchAll(/"type":"(?:decided|refused)","id":"([^"]+)"/g)].map((match) => match[1]))
        const given = replies.filter(({ status }) => status !== 503 && status !== 429)
        assert.deepEqual(
          given.filter(({ id }) => !recorded.has(id)),
          [],
          `${kind}, round ${round}`,
        )
        assert.ok(given.every(({ id }) => id !== ''))
        const sums = [...log.matchAll(/"code":"arrivals-exceeded","count":(\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0)
        assert.ok(sums >= replies.filter(({ status }) => status === 429).length, `sums, ${kind}, round ${round}`)
        replied += given.length
        if (replies.some(({ status }) => status === 503)) failed += 1
      }
      if (round % roundsPerLog === roundsPerLog - 1) {
        await restart()
        rmSync(folder, { recursive: true })
      }
    })
    await restart()
    t.diagnostic(`${replied} replies, ${failed} logs broke, ${refusedStarts} starts refused`)

    async function restart(): Promise<void> {
      await (await start(installation, realFile)).close()
      assert.deepEqual((await verifyAudit(folder)).findings, [])
    }
  })
