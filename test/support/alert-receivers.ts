/** Receivers of alerts for tests: a server that keeps what is posted to it, and the distribution's Alertmanager. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { createReceiver } from '../../src/alerts/index.ts'
import type { Receiver } from '../../src/alerts/receiver.ts'
import type { ReceiverConfig } from '../../src/config/index.ts'
import type { OriginCertificate } from './certificates.ts'
import { createFolder } from './folder.ts'
import { bodyOf, startOrigin } from './origin.ts'
import { firstProgram } from './tools.ts'

export interface Posted {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface PostedTo {
  readonly url: string
  /** What was answered with 2xx. */
  readonly taken: readonly Posted[]
  readonly attempts: readonly Posted[]
  /** What the next requests are answered with. */
  readonly answers: ((res: ServerResponse) => void)[]
}

/** Answers with 200 and `ok`, unless `answers` says otherwise. */
export async function startReceiver(
  t: Pick<TestContext, 'after'>,
  tls: { readonly certificate: OriginCertificate; readonly clientCa: string } | null = null,
): Promise<PostedTo> {
  const [taken, attempts, answers]: [Posted[], Posted[], PostedTo['answers']] = [[], [], []]
  const origin = await startOrigin(t, {
    ...tls,
    async answer(req, res) {
      const posted = { url: req.url ?? '', headers: req.headers, text: String(await bodyOf(req)) }
      attempts.push(posted)
      const answer = answers.shift() ?? ((reply: ServerResponse) => void reply.end('ok'))
      answer(res)
      if (res.writableEnded && res.statusCode < 300) taken.push(posted)
    },
  })
  return { url: `${tls === null ? 'http' : 'https'}://127.0.0.1:${origin.port}`, taken, attempts, answers }
}

const common = {
  ...{ name: 'ops', minSeverity: 'info', rules: [], integrations: [], owners: [] },
  ...{ timeout: 5000, maxDelay: 10, maxWaiting: 100, headers: {}, remindAfter: 'never' },
} as const

export type Given = Partial<ReceiverConfig> & Pick<ReceiverConfig, 'type' | 'url'>

/** As sallyport.yaml would have it. */
export function receiverOf(given: Given): Receiver {
  return createReceiver({ ...common, resend: 60_000, labels: {}, ...given } as ReceiverConfig, { gateway: 'gw-1', now: Date.now })
}

/** `null` where it can be started. */
export async function withoutAlertmanager(): Promise<string | null> {
  return (await firstProgram('prometheus-alertmanager', '/usr/bin/prometheus-alertmanager')).missing
}

export interface Alertmanager {
  readonly url: string
  /** Those that are active. */
  alerts(): Promise<readonly AlertOfAlertmanager[]>
}

export interface AlertOfAlertmanager {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
  readonly endsAt: string
  readonly status: { readonly state: string }
}

/** Ends with the test. */
export async function startAlertmanager(t: TestContext): Promise<Alertmanager> {
  const folder = createFolder(t)
  writeFileSync(join(folder, 'alertmanager.yml'), 'route: { receiver: none }\nreceivers: [{ name: none }]\n')
  const { program } = await firstProgram('prometheus-alertmanager', '/usr/bin/prometheus-alertmanager')
  const options = [`--config.file=${join(folder, 'alertmanager.yml')}`, `--storage.path=${join(folder, 'data')}`]
  const child = spawn(program, [...options, '--web.listen-address=127.0.0.1:0', '--cluster.listen-address='], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exit = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exit
  })
  const url = `http://${await addressIn(createInterface(child.stderr))}`
  child.stderr.resume()
  return {
    url,
    alerts: async () => (await (await fetch(`${url}/api/v2/alerts`)).json()) as readonly AlertOfAlertmanager[],
  }
}

async function addressIn(lines: AsyncIterable<string>): Promise<string> {
  for await (const line of lines) {
    const address = /Listening on" address=(\S+)/.exec(line)?.[1]
    if (address !== undefined) return address
  }
  throw new Error('Alertmanager ended before it listened')
}
