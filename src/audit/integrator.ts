/** Puts records that are on disk into the tree, and publishes tiles, bundles and signed checkpoints. No request waits for it. */
import { dirname, join } from 'node:path'
import { bundlePath, tilePath, tileWidth, walName } from '../records/index.ts'
import type { WholeFiles } from './append-file.ts'
import { type Checkpoint, checkpointText, signedNote } from './note.ts'
import type { Signer } from './signer.ts'
import { TileStore, type WholeFile } from './tile-store.ts'
import { leafHashInPlace, type Tile, type Tree } from './tree/index.ts'
import { prefixBytes, type WalGroup } from './wal-group.ts'
import { type WalPosition, WalReader } from './wal-reader.ts'

export interface IntegratorOptions {
  readonly folder: string
  readonly files: WholeFiles
  readonly signer: Signer
  /** At a multiple of 256, up to which all bundles and tiles are there. */
  readonly tree: Tree
  /** Of the record that comes next into the tree. */
  readonly position: WalPosition
  /** Index of the first record of each write-ahead file, the one that is written included. */
  readonly wals: readonly number[]
  /** Records that are on disk. */
  readonly durable: number
  /** The one that is published. */
  readonly checkpoint: Checkpoint
  /** Partial tiles and bundles that an earlier run left. */
  readonly partials: readonly string[]
  /** Tiles or checkpoints cannot be written, which is tried again each second; `null`: they can again. */
  readonly onFailed: (error: Error | null) => void
}

/** A checkpoint is published after this time, or after so many records. */
const publishMs = 1000
const publishRecords = 1024
/** But not more often: each one replaces files, and a file system pays for names that come and go. */
const minPublishMs = 250
/** Records that wait for the tree in memory; more are read back from the write-ahead file. */
const maxQueuedBytes = 8 * 1024 * 1024

export class Integrator {
  readonly #options: IntegratorOptions
  readonly #tree: Tree
  readonly #store: TileStore
  readonly #reader: WalReader
  #durable: number
  #checkpoint: Checkpoint
  #publishedAt = 0
  #wals: readonly number[]
  #queue: WalGroup[] = []
  #queuedBytes = 0
  /** The group that is being put into the tree, and how many of its records are in it. */
  #current: { readonly group: WalGroup; taken: number } | null = null
  /** Records of the bundle that is being filled, each behind its length. */
  #entries: Buffer[] = []
  /** Full tiles and bundles that are not on disk yet. */
  #unwritten: WholeFile[] = []
  #partials: readonly string[]
  #running: Promise<void> | null = null
  #isScheduled = false
  #isDue = false
  #timer: NodeJS.Timeout | null = null
  #hasFailed = false
  #isClosed = false

  constructor(options: IntegratorOptions) {
    this.#options = options
    this.#tree = options.tree
    this.#store = new TileStore(options.folder, options.files)
    this.#reader = new WalReader(join(options.folder, 'wal'), options.position)
    this.#durable = options.durable
    this.#checkpoint = options.checkpoint
    this.#wals = options.wals
    this.#partials = options.partials
    if (this.#durable > this.#tree.size) this.#schedule()
  }

  get checkpoint(): Checkpoint {
    return this.#checkpoint
  }

  take(group: WalGroup): void {
    this.#durable = group.first + group.ends.length
    if (this.#queuedBytes < maxQueuedBytes) {
      this.#queue.push(group)
      this.#queuedBytes += group.bytes.byteLength
    }
    this.#schedule()
  }

  /** The writer goes on in the file of the records from `first` on. */
  rotated(first: number): void {
    this.#wals = [...this.#wals, first]
    this.#isDue = true
    this.#schedule()
  }

  /** Publishes what is on disk by now, once; what fails is left to the next start. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#running
    this.#isDue = true
    await this.#run()
  }

  /** Behind the turn in which the replies leave that waited for the records. */
  #schedule(): void {
    if (this.#isClosed) return
    this.#timer ??= setTimeout(() => this.#onTimer(), publishMs).unref()
    // After a failure the timer tries again.
    if (this.#isScheduled || this.#running !== null || this.#hasFailed) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#start()
    })
  }

  #onTimer(): void {
    this.#timer = null
    this.#isDue = true
    this.#start()
  }

  #start(): void {
    if (this.#running !== null || this.#isClosed) return
    this.#running = this.#run().finally(() => {
      this.#running = null
      if (this.#durable > this.#tree.size || this.#isDue) this.#schedule()
    })
  }

  async #run(): Promise<void> {
    const error = await this.#runOnce().then(
      () => null,
      (error: Error) => error,
    )
    if (this.#hasFailed !== (error !== null)) this.#options.onFailed(error)
    this.#hasFailed = error !== null
  }

  async #runOnce(): Promise<void> {
    await this.#write()
    // A signer that is out of reach does not keep records from the tree.
    let unsigned: Error | null = null
    while (this.#tree.size < this.#durable) {
      this.#current ??= { group: await this.#nextGroup(), taken: 0 }
      const { group } = this.#current
      this.#current.taken = this.#append(group, this.#current.taken)
      if (this.#current.taken === group.ends.length) this.#current = null
      await this.#write()
      if (this.#isEnough() && unsigned === null) unsigned = await this.#publish()
    }
    if (this.#isDue && unsigned === null) unsigned = await this.#publish()
    if (unsigned !== null) throw unsigned
  }

  /** So that no partial bundle is needed: at a multiple of 256. */
  #isEnough(): boolean {
    const { size } = this.#tree
    const isLate = performance.now() - this.#publishedAt >= minPublishMs
    return isLate && size % tileWidth === 0 && size - this.#checkpoint.size >= publishRecords
  }

  async #nextGroup(): Promise<WalGroup> {
    const next = this.#tree.size
    const [queued] = this.#queue
    if (queued === undefined || queued.first > next) return this.#reader.read(next, queued?.first ?? this.#durable, this.#wals)
    this.#queue.shift()
    this.#queuedBytes -= queued.bytes.byteLength
    return queued
  }

  /** Up to the end of the group or of the bundle. The prefixes of the lines are overwritten. */
  #append({ bytes, ends }: WalGroup, from: number): number {
    let taken = from
    do {
      const start = (taken === 0 ? 0 : (ends[taken - 1] as number) + 1) + prefixBytes
      const end = ends[taken] as number
      this.#tree.append(leafHashInPlace(bytes, start, end))
      bytes.writeUInt16BE(end - start, start - 2)
      this.#entries.push(bytes.subarray(start - 2, end))
      taken += 1
    } while (taken < ends.length && this.#tree.size % tileWidth !== 0)
    if (this.#tree.size % tileWidth === 0) {
      const tiles = this.#tree.takeFull().map(fileOf)
      this.#unwritten.push({ path: bundlePath(this.#tree.size / tileWidth - 1), parts: this.#entries }, ...tiles)
      this.#entries = []
    }
    return taken
  }

  /** The bundle is there before the tiles that say that it is. */
  async #write(): Promise<void> {
    for (let file = this.#unwritten[0]; file !== undefined; file = this.#unwritten[0]) {
      await this.#store.put(file)
      this.#unwritten.shift()
    }
  }

  /** Gives what it failed with. */
  async #publish(): Promise<Error | null> {
    this.#isDue = false
    try {
      if (this.#tree.size !== this.#checkpoint.size) await this.#publishCheckpoint()
      await this.#removeWals()
      return null
    } catch (error) {
      this.#isDue = true
      return error as Error
    }
  }

  async #publishCheckpoint(): Promise<void> {
    const { signer } = this.#options
    const { origin } = this.#checkpoint
    const checkpoint = { origin, size: this.#tree.size, root: this.#tree.root() }
    const text = checkpointText(checkpoint)
    // Before anything is written: a signer elsewhere may be out of reach.
    const signature = await signer.sign(Buffer.from(text))
    const partials = this.#partialFiles()
    for (const file of partials) await this.#store.put(file)
    await this.#store.put({ path: 'checkpoint', parts: [Buffer.from(signedNote(text, origin, signer.publicKey, signature))] })
    this.#checkpoint = checkpoint
    this.#publishedAt = performance.now()
    await this.#removePartials(partials.map(({ path }) => path))
  }

  /** The bundle comes last: what is in it is found in a tile, also where no checkpoint comes to cover it. */
  #partialFiles(): readonly WholeFile[] {
    const tiles = this.#tree.partialTiles().map(fileOf)
    if (this.#entries.length === 0) return tiles
    const index = Math.floor(this.#tree.size / tileWidth)
    return [...tiles, { path: bundlePath(index, this.#entries.length), parts: this.#entries }]
  }

  async #removePartials(current: readonly string[]): Promise<void> {
    const old = this.#partials.filter((path) => !current.includes(path))
    this.#partials = current
    for (const path of old) {
      await this.#store.remove(path)
      if (!current.some((other) => dirname(other) === dirname(path))) this.#store.removeFolderIfEmpty(dirname(path))
    }
  }

  /** Those whose records are all in bundles that survive a crash, under a checkpoint that does. */
  async #removeWals(): Promise<void> {
    while (true) {
      const [first, second] = this.#wals
      if (first === undefined || second === undefined || Math.ceil(second / tileWidth) * tileWidth > this.#checkpoint.size) return
      await this.#store.syncNames(['checkpoint', ...filesOver(first, second)])
      await this.#store.remove(join('wal', walName(first)))
      this.#wals = this.#wals.slice(1)
    }
  }
}

/** Bundles and full tiles that hold the records from `first` on and before `end`. */
function filesOver(first: number, end: number): readonly string[] {
  const paths: string[] = []
  for (let index = Math.floor(first / tileWidth); index * tileWidth < end; index += 1) {
    paths.push(bundlePath(index))
    for (let [level, tile] = [0, index]; ; [level, tile] = [level + 1, Math.floor(tile / tileWidth)]) {
      paths.push(tilePath(level, tile))
      if ((tile + 1) % tileWidth !== 0) break
    }
  }
  return paths
}

function fileOf({ level, index, width, hashes }: Tile): WholeFile {
  return { path: tilePath(level, index, width), parts: [hashes] }
}
