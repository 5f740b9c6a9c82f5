/** What a drill needs before it begins; what is missing is said, with what to do about it. */
import type { Config, WatchRules } from '../../config/index.ts'
import { formatSpan } from '../../incidents/index.ts'
import { ask } from '../admin-client.ts'
import { CommandError, exitCodes } from '../exit.ts'
import type { ProxyAddress } from './client.ts'
import { drillName, readToken } from './manifest.ts'

export interface Ready {
  readonly proxy: ProxyAddress
  readonly token: string
  /** Index of the next record of the log. */
  readonly from: number
  /** Ports that drills have used before, as far as watching knows. */
  readonly usedPorts: ReadonlySet<number>
  /** Milliseconds since the first request of a drill that watching knows of; 0 where there was none. */
  readonly knownMs: number
}

/** `at`: `host:port` of the proxy, where the configuration does not tell it. Throws `CommandError`. */
export async function requireReady(config: Config, at: string | undefined): Promise<Ready> {
  if (config.watch === null)
    throw new CommandError(
      'a drill is noticed by watching, which is off: add "watch: {}" to sallyport.yaml and restart the gateway',
      exitCodes.config,
    )
  const proxy = at === undefined ? proxyOf(config) : proxyFrom(at)
  const status = (await ask(config, 'GET', '/v1/status')) as Status
  if (status.watch === null)
    throw new CommandError('the gateway that runs does not watch: restart it, so that it takes up "watch:" of sallyport.yaml')
  const token = readToken(config.state.drillToken)
  if (token === null || !status.integrations.includes(drillName)) throw new CommandError(noManifest(config))
  if (status.suspended?.[drillName] !== undefined)
    throw new CommandError(`"${drillName}" is suspended already: "sallyport resume ${drillName}" ends that`)
  return { proxy, token, from: status.audit.records, ...(await earlierDrills(config)) }
}

/** Throws `CommandError` where the integration of drills is not known for long enough that this one is noticed. */
export function requireKnown({ knownMs }: Ready, neededMs: number): void {
  if (knownMs >= neededMs) return
  const known =
    knownMs === 0
      ? 'and it has made no request yet: "sallyport drill exfiltration" begins that'
      : `and it is known for ${formatSpan(knownMs)}`
  throw new CommandError(
    `this is noticed from the first request on if watch.rules.beaconing.fromStart names "${drillName}", as it is shipped, and else once that is known for ${formatSpan(neededMs)} (watch.rules.new-destination.learning), ${known}`,
  )
}

/** Those that are applied to the integration of drills. Throws `CommandError` where nothing is watched. */
export function rulesOfDrills({ watch }: Pick<Config, 'watch'>): WatchRules {
  if (watch === null) throw new CommandError('a drill is noticed by watching, which is off', exitCodes.config)
  return watch.rulesFor[drillName] ?? watch.rules
}

/** Throws `CommandError` where no rule that could notice the drill is applied to it. */
export function requireRule(rules: WatchRules, names: readonly (keyof WatchRules)[]): void {
  const isApplied = (name: keyof WatchRules) => rules[name].enabled && !rules[name].except.includes(drillName)
  if (names.some(isApplied)) return
  const given = names.map((name) => `watch.rules.${name}`).join(' and ')
  throw new CommandError(`nothing would notice this: ${given} must be enabled, and not leave out "${drillName}" (except)`, exitCodes.config)
}

/** That what the drill does can raise an alert: one that is not resolved takes up what is found again. Throws `CommandError`. */
export async function requireNoAlert(config: Config, rules: readonly string[]): Promise<void> {
  const query = new URLSearchParams({ integration: drillName, state: 'open,acknowledged' })
  const { alerts } = (await ask(config, 'GET', `/v1/alerts?${query}`)) as { readonly alerts: readonly KnownAlert[] }
  // Of a destination it is another alert each time: each drill has another port.
  const known = alerts.find(({ rule, destination }) => rules.includes(rule) && destination === null)
  if (known === undefined) return
  const ms = config.watch?.resolveAfterMs ?? 0
  throw new CommandError(
    `the alert ${known.id} (${known.rule}) of an earlier drill is not resolved: what is found again belongs to it, and raises none. It is resolved once nothing was found for ${formatSpan(ms)} (watch.resolveAfter)`,
  )
}

interface KnownAlert {
  readonly id: string
  readonly rule: string
  readonly destination: string | null
}

interface Status {
  readonly watch: unknown
  readonly integrations: readonly string[]
  readonly suspended?: Readonly<Record<string, unknown>>
  readonly audit: { readonly records: number }
}

function noManifest({ integrationsFolder, file }: Config): string {
  return `a drill is made with the integration "${drillName}", which there is not, or its token: write its manifest with
  sallyport drill manifest --config ${file} > ${integrationsFolder}/${drillName}.yaml
It may reach nothing but the command itself, on this machine. The gateway takes it up by itself; remove it when no more drills are made`
}

function proxyOf({ listeners }: Config): ProxyAddress {
  const listener = listeners.find(({ integration, doors }) => integration === null && doors.includes('proxy'))
  if (listener === undefined) throw new CommandError('no proxy listener takes tokens: name the address of one with --proxy')
  const { address } = listener
  if (!('port' in address)) return { socketPath: address.socket }
  if (address.port === 0) throw new CommandError(`listener "${listener.name}" takes a new port at each start: name it with --proxy`)
  return { host: ['0.0.0.0', '::'].includes(address.host) ? '127.0.0.1' : address.host, port: address.port }
}

function proxyFrom(text: string): ProxyAddress {
  const [, host = '', port = ''] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(text) ?? []
  if (host === '' || Number(port) > 65_535) throw new CommandError(`--proxy ${text}: expected host:port`, exitCodes.usage)
  return { host, port: Number(port) }
}

async function earlierDrills(config: Config): Promise<Pick<Ready, 'usedPorts' | 'knownMs'>> {
  const body = (await ask(config, 'GET', `/v1/watch/${drillName}`).catch(() => ({}))) as Known
  // The oldest first: of ports that were all used, the one that was not used for longest is the newest.
  const known = (body.destinations ?? []).toSorted((a, b) => a.lastAt - b.lastAt)
  const ports = known.flatMap(({ destination }) => /^127\.0\.0\.1:(\d+)$/.exec(destination)?.slice(1).map(Number) ?? [])
  const now = Date.now()
  return { usedPorts: new Set(ports), knownMs: now - Math.min(now, ...known.map(({ firstAt }) => firstAt)) }
}

interface Known {
  readonly destinations?: readonly { readonly destination: string; readonly firstAt: number; readonly lastAt: number }[]
}
