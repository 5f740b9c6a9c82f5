/** `sallyport watch status`: how watching is. */
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
}

/** Throws `CommandError` where nothing is watched. */
export async function statusOf(config: string | undefined): Promise<Status> {
  const { watch } = (await ask(findConfig(config), 'GET', '/v1/status')) as { readonly watch: Status | null }
  if (watch === null) throw new CommandError('nothing is watched: sallyport.yaml has no "watch:"')
  return watch
}

export function statusText({ pid, restarts, slices, store, learned }: Status): string {
  const kept = store?.kept === 'memory' ? 'in memory: it is lost with the process' : `in a file, since ${store?.since}`
  const lines = [
    ['process', pid === null ? 'none: it is being started' : `${pid}, started again ${restarts} times`],
    ['slices', `${slices.taken} looked at, ${slices.dropped} dropped`],
    ['learned', store === null ? 'not known yet' : kept],
    ...(learned === null ? [] : [['known', knownText(learned)]]),
    ...(store === null || store.problem === null ? [] : [['store', store.problem]]),
  ]
  return lines.map(([name = '', text]) => `${name.padEnd(9)} ${text}\n`).join('')
}

function knownText({ integrations, hours, restored, unreadable }: NonNullable<Status['learned']>): string {
  const known = `${integrations} integrations since the start, for ${hours} hours at most; ${restored} baselines were in the store`
  return unreadable === 0 ? known : `${known}, of which ${unreadable} cannot be read and are learned again`
}
