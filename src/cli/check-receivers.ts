/** What is wrong with the receivers of alerts. Nothing is sent to them: `sallyport alerts test` does that. */
import { isIP } from 'node:net'
import type { Config, ReceiverConfig } from '../config/index.ts'
import { createOperatorLookup } from '../egress/index.ts'
import type { AlertsSummary } from '../gateway/index.ts'
import { counted, isLoopback } from '../text/index.ts'
import { askGateway } from './admin-client.ts'

/** A gateway that compiles answers later; what its deliveries are like is then not looked at. */
const askMs = 2000

export async function checkReceivers({ watch, admin }: Config): Promise<string | { readonly warn: string }> {
  if (watch === null) return 'nothing is watched'
  const { receivers } = watch
  if (receivers.length === 0) return 'none: alerts are on the dashboard, in the log and in "sallyport alerts list" only'
  const failing = await failingNow(admin.socketPath)
  const looked = await Promise.all(
    receivers.map(async (receiver) => [...unproved(receiver), ...(await unresolved(receiver)), ...(failing?.get(receiver.name) ?? [])]),
  )
  const problems = looked.flatMap((found, index) => found.map((problem) => `${receivers[index]?.name}: ${problem}`))
  const names = receivers.map(({ name }) => name).join(', ')
  const next = `"sallyport alerts test ${receivers[0]?.name}" sends a message`
  if (problems.length > 0) return { warn: `${problems.join('\n')}\n${next}, and says what is answered` }
  return failing === null
    ? `${names}; whether they take messages, "sallyport alerts test ${receivers[0]?.name}" says once the gateway runs`
    : `${names}; ${next}`
}

/** What a receiver cannot tell from messages of others, and credentials that others can read. */
function unproved(receiver: ReceiverConfig): readonly string[] {
  const { protocol, hostname } = new URL(receiver.url)
  const isOpen = protocol === 'http:' && !isLoopback(hostname)
  const token = receiver.type === 'slack' ? 'the path of its URL' : (receiver.token ?? null) === null ? null : 'its token'
  const isUnsigned = receiver.type === 'webhook' && receiver.secret === undefined && token === null && !receiver.clientCertificate
  return [
    ...(isUnsigned ? ['messages are not signed, so that it cannot tell who sends them: give it a secret'] : []),
    ...(isOpen && token !== null ? [`${token} travels in the clear: use https`] : []),
  ]
}

async function unresolved({ url }: ReceiverConfig): Promise<readonly string[]> {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0) return []
  const lookup = createOperatorLookup()
  const problem = await new Promise<string | null>((resolve) => lookup(host, { all: true }, (error) => resolve(error?.message ?? null)))
  return problem === null ? [] : [`${host} is not found (${problem}): messages wait until it is`]
}

/** Of the gateway that runs, by name; `null`: none runs, or it does not answer. */
async function failingNow(socketPath: string): Promise<ReadonlyMap<string, readonly string[]> | null> {
  const answer = await askGateway(socketPath, 'GET', '/v1/status', askMs).catch(() => null)
  const { watch } = (answer?.body ?? {}) as { readonly watch?: { readonly alerts: AlertsSummary | null } | null }
  if (!watch?.alerts) return null
  return new Map(
    watch.alerts.failing.map(({ name, problem, waiting, oldest }) => [
      name,
      [`${problem}; ${counted(waiting, 'message waits', 'messages wait')}${oldest === null ? '' : `, since ${oldest}`}`],
    ]),
  )
}
