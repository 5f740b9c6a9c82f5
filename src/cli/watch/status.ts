/** `sallyport watch status`: how watching is. */
import type { AlertsSummary } from '../../gateway/index.ts'
import { counted, visibleText } from '../../text/index.ts'
import { ask } from '../admin-client.ts'
import { CommandError } from '../exit.ts'
import { findConfig } from '../find-config.ts'

/** `watch` of `GET /v1/status`. */
interface Status {
  readonly pid: number | null
  readonly restarts: number
  readonly slices: { readonly taken: number; readonly dropped: number }
  readonly store: { readonly kept: 'file' | 'memory'; readonly problem: string | null; readonly since: string } | null
  readonly learned: {
    readonly integrations: number
    readonly hours: number
    readonly restored: number
    readonly unreadable: number
  } | null
  readonly alerts: AlertsSummary | null
}

/** Throws `CommandError` where nothing is watched. */
export async function statusOf(config: string | undefined): Promise<Status> {
  const { watch } = (await ask(findConfig(config), 'GET', '/v1/status')) as { readonly watch: Status | null }
  if (watch === null) throw new CommandError('nothing is watched: sallyport.yaml has no "watch:"')
  return watch
}

export function statusText({ pid, restarts, slices, store, learned, alerts }: Status): string {
  const kept = store?.kept === 'memory' ? 'in memory: it is lost with the process' : `in a file, since ${store?.since}`
  const lines = [
    ['process', pid === null ? 'none: it is being started' : `${pid}, started again ${restarts} times`],
    ['slices', `${slices.taken} looked at, ${slices.dropped} dropped`],
    ['learned', store === null ? 'not known yet' : kept],
    ...(learned === null ? [] : [['known', knownText(learned)]]),
    ...(store === null || store.problem === null ? [] : [['store', store.problem]]),
    ...(alerts === null ? [] : alertLines(alerts)),
  ]
  return lines.map(([name = '', text]) => `${name.padEnd(9)} ${text}\n`).join('')
}

function alertLines({ open, acknowledged, highest, failing }: AlertsSummary): readonly (readonly string[])[] {
  const worst = highest === null ? '' : ` (${highest} at most)`
  return [
    ['alerts', `${open} open${worst}, ${acknowledged} in hand`],
    ...failing.map(({ name, problem, waiting }) => [
      'receiver',
      visibleText(`${name} takes nothing: ${problem}; ${counted(waiting, 'message waits', 'messages wait')}`),
    ]),
  ]
}

function knownText({ integrations, hours, restored, unreadable }: NonNullable<Status['learned']>): string {
  const known = `${counted(integrations, 'integration')} since the start, for ${counted(hours, 'hour')} at most; read from the store: ${counted(restored, 'baseline')}`
  return unreadable === 0 ? known : `${known}, of which ${unreadable} cannot be read and are learned again`
}
