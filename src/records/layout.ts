/** Where the files of a log are: the paths of C2SP tlog-tiles, and the names of write-ahead files (docs/reference/audit.md). */

/** Hashes in a full tile, and records in a full bundle. */
export const tileWidth = 256

/** Relative to the log's folder; a `width` below 256 names a partial tile. */
export function tilePath(level: number, index: number, width = tileWidth): string {
  return `tile/${level}/${numbered(index, width)}`
}

/** The bundle of the records from `index` × 256 on, relative to the log's folder. */
export function bundlePath(index: number, width = tileWidth): string {
  return `tile/entries/${numbered(index, width)}`
}

/** `x001/x234/067`: a folder never holds more than a thousand names of full tiles. */
function numbered(index: number, width: number): string {
  let path = String(index % 1000).padStart(3, '0')
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000))
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`
  return width === tileWidth ? path : `${path}.p/${width}`
}

/** In the folder `wal`: the records from the index `first` on. */
export function walName(first: number): string {
  return `${String(first).padStart(20, '0')}.wal`
}

/** Index of the first record of each write-ahead file among the names, in order. */
export function walsAmong(names: readonly string[]): readonly number[] {
  return names
    .filter((name) => /^0{5}\d{15}\.wal$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b)
}

/** Indexes of the full bundles among the names in `tile/entries` and below, in order. */
export function bundlesAmong(names: readonly string[]): readonly number[] {
  return names
    .filter((name) => /^(x\d{3}\/)*\d{3}$/.test(name))
    .map((name) => Number(name.replaceAll(/[x/]/g, '')))
    .sort((a, b) => a - b)
}
