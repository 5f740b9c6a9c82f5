/** Where the tiles and entry bundles of a log are (c2sp.org/tlog-tiles). */
import { tileWidth } from './merkle.ts'

export interface TilePath {
  /** `entries`: a bundle of records. */
  readonly level: number | 'entries'
  readonly index: number
  /** Less than 256 where it is partial. */
  readonly width: number
}

/** Below the log's folder. */
export function tilePath({ level, index, width }: TilePath): string {
  const groups = [String(index % 1000).padStart(3, '0')]
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000))
    groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`)
  return `tile/${level}/${groups.join('/')}${width < tileWidth ? `.p/${width}` : ''}`
}

/** `null` where a path is not the one of a tile or bundle. */
export function parseTilePath(path: string): TilePath | null {
  const match = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/)*)(\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path)
  if (match === null) return null
  const [, level = '', groups = '', last = '', width = String(tileWidth)] = match
  const index = [...groups.matchAll(/\d{3}/g), [last]].reduce((sum, [digits]) => sum * 1000 + Number(digits), 0)
  const parsed: TilePath = { level: level === 'entries' ? level : Number(level), index, width: Number(width) }
  // Leading zeroes, a width of 0 or of a whole tile: another spelling of a path is another file.
  return tilePath(parsed) === path && parsed.width > 0 ? parsed : null
}
