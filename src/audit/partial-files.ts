/** Partial tiles and bundles that an earlier run left: they go once a later checkpoint is published. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { bundlePath, tilePath, tileWidth } from '../records/index.ts'

/** Those beside and behind the record `start`, relative to the folder; `end`: number of records. */
export function partialsFrom(folder: string, start: number, end: number): readonly string[] {
  const bundles = range(start / tileWidth, end / tileWidth).map((index) => bundlePath(index, 0))
  const tiles = levelsOf(end).flatMap((level) =>
    range(start / tileWidth ** (level + 1), end / tileWidth ** (level + 1)).map((index) => tilePath(level, index, 0)),
  )
  return [...bundles, ...tiles].map(folderOf).flatMap((partial) => namesIn(join(folder, partial)).map((name) => `${partial}/${name}`))
}

/** A width of 0 names none, but the folder of all widths. */
function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function levelsOf(size: number): readonly number[] {
  const levels: number[] = []
  for (let [level, left] = [0, size]; left > 0; [level, left] = [level + 1, Math.floor(left / tileWidth)]) levels.push(level)
  return levels
}

function range(from: number, to: number): readonly number[] {
  const first = Math.floor(from)
  return Array.from({ length: Math.floor(to) - first + 1 }, (_, nth) => first + nth)
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
