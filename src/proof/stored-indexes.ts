/** What a folder has, and which tiles or bundles. A log can say any size, and a file any index: what is gone over is what is there. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Three digits each: no index of a record needs more. */
const maxGroups = 5

/** Ascending, full and partial ones; of a folder at a time its names are held. `folder`: of a level, such as `tile/0`. */
export function* storedIndexes(folder: string): Generator<number> {
  for (let groups = 0; groups < maxGroups; groups += 1) yield* indexesBelow(folder, 0, groups)
}

/** `groups`: folders that are still between here and the files. */
function* indexesBelow(folder: string, above: number, groups: number): Generator<number> {
  let last = -1
  for (const name of namesIn(folder)) {
    const [, group, digits = ''] = (groups > 0 ? /^(x)(\d{3})$/ : /^()(\d{3})(?:\.p)?$/).exec(name) ?? []
    const index = above * 1000 + Number(digits)
    // A leading zero is another spelling, and no file of the log.
    if (group === undefined || index === last || (groups > 0 && index === 0)) continue
    last = index
    if (groups > 0) yield* indexesBelow(join(folder, name), index, groups - 1)
    else yield index
  }
}

/** Those of several lists, ascending, each once. */
export function* merged(...lists: readonly Iterator<number>[]): Generator<number> {
  const heads = lists.map((list) => ({ list, next: list.next() }))
  for (;;) {
    const least = Math.min(...heads.map(({ next }) => (next.done === true ? Number.POSITIVE_INFINITY : next.value)))
    if (least === Number.POSITIVE_INFINITY) return
    yield least
    for (const head of heads) if (head.next.done !== true && head.next.value === least) head.next = head.list.next()
  }
}

/** Names in a folder; none where there is no such folder. */
export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort()
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code !== undefined && missing.includes(code)
}

/** A name that leads to nothing, or round in a circle, is no file either. */
const missing = ['ENOENT', 'ENOTDIR', 'ENXIO', 'ELOOP', 'ENAMETOOLONG']

/** Neither a folder nor what would be waited for, such as a pipe; where it is a link, what it leads to. */
export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}
