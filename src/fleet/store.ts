/**
 * What the consumer keeps: offsets of the topic, state and leaf hashes of each gateway, checkpoints, findings; one SQLite file. It
 * moves on in one transaction per fetch, so that after a crash the consumer reads again from where all of it stands.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Finding } from './finding.ts'
import { FollowError } from './follow-error.ts'
import { type Gateway, newGateway } from './gateway.ts'

export interface KeptCheckpoint {
  readonly size: number
  readonly root: Buffer
  readonly note: string
  readonly isProven: boolean
}

export interface Store {
  /** All gateways that were ever seen. Changes of what it gives are kept by `commit`. */
  readonly gateways: ReadonlyMap<string, Gateway>
  /** Begins one where there is none. */
  gateway(origin: string): Gateway
  /** The next offset to be read of a partition; null where none was read. */
  offset(partition: number): bigint | null
  setOffset(partition: number, offset: bigint): void
  leaf(gateway: Gateway, index: number): Buffer | null
  putLeaf(gateway: Gateway, index: number, leaf: Buffer): void
  /** Leaf hashes from an index on, as many as there are without a gap, below `to`. */
  leaves(gateway: Gateway, from: number, to: number): Iterable<Buffer>
  checkpoint(gateway: Gateway, size: number): KeptCheckpoint | null
  /** Those that wait for records, smallest first. */
  waiting(gateway: Gateway): readonly KeptCheckpoint[]
  putCheckpoint(gateway: Gateway, checkpoint: KeptCheckpoint): void
  putFinding(finding: Finding): void
  /** Everything since the last one is kept, or nothing of it. */
  commit(): void
  close(): void
}

/** Throws `FollowError` where another process follows with this folder, or it holds what was read of another topic. */
export function openStore(folder: string, topic: string): Store {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const database = openDatabase(folder)
  requireTopic(database, topic)
  const statements = prepare(database)
  const known = new Map<string, { readonly id: number; readonly state: Gateway }>()
  for (const { id, state } of statements.gateways.all() as unknown as { id: number; state: string }[]) {
    const gateway = JSON.parse(state) as Gateway
    known.set(gateway.origin, { id, state: gateway })
  }
  const gateways = new Map([...known].map(([origin, { state }]) => [origin, state]))
  const changed = new Set<string>()
  const idOf = ({ origin }: Gateway) => known.get(origin)?.id as number
  database.exec('begin immediate')

  return {
    gateways,
    gateway(origin) {
      changed.add(origin)
      const found = gateways.get(origin)
      if (found !== undefined) return found
      const state = newGateway(origin)
      const { lastInsertRowid } = statements.addGateway.run(origin, JSON.stringify(state))
      known.set(origin, { id: Number(lastInsertRowid), state })
      gateways.set(origin, state)
      return state
    },
    offset(partition) {
      const row = statements.offset.get(partition) as { next: number } | undefined
      return row === undefined ? null : BigInt(row.next)
    },
    setOffset: (partition, offset) => void statements.setOffset.run(partition, offset),
    leaf(gateway, index) {
      const row = statements.leaf.get(idOf(gateway), index) as { hash: Uint8Array } | undefined
      return row === undefined ? null : Buffer.from(row.hash)
    },
    putLeaf: (gateway, index, leaf) => void statements.putLeaf.run(idOf(gateway), index, leaf),
    *leaves(gateway, from, to) {
      let index = from
      for (const row of statements.leaves.iterate(idOf(gateway), from, to)) {
        if (row['place'] !== index) return
        index += 1
        yield Buffer.from(row['hash'] as Uint8Array)
      }
    },
    checkpoint(gateway, size) {
      const row = statements.checkpoint.get(idOf(gateway), size)
      return row === undefined ? null : readCheckpoint(row)
    },
    waiting: (gateway) => statements.waiting.all(idOf(gateway)).map(readCheckpoint),
    putCheckpoint(gateway, { size, root, note, isProven }) {
      statements.putCheckpoint.run(idOf(gateway), size, root, note, isProven ? 1 : 0)
      statements.dropCheckpoints.run(idOf(gateway), idOf(gateway), keptCheckpoints)
    },
    putFinding({ kind, level, origin, index, text, notes }) {
      statements.putFinding.run(new Date().toISOString(), kind, level, origin, index, text, JSON.stringify(notes))
    },
    commit() {
      for (const origin of changed) {
        const { id, state } = known.get(origin) as { id: number; state: Gateway }
        statements.setGateway.run(JSON.stringify(state), id)
      }
      changed.clear()
      database.exec('commit; begin immediate')
    },
    close() {
      database.exec('rollback')
      database.close()
    },
  }
}

/** Of each gateway; one comes each second. Older ones are recomputed from the hashes. */
const keptCheckpoints = 64

const schema = `
create table if not exists meta (name text primary key, value text not null) without rowid;
create table if not exists offsets (partition integer primary key, next integer not null);
create table if not exists gateways (id integer primary key, origin text not null unique, state text not null);
create table if not exists leaves (gateway integer, place integer, hash blob not null, primary key (gateway, place)) without rowid;
create table if not exists checkpoints (gateway integer, size integer, root blob not null, note text not null, proven integer not null,
  primary key (gateway, size)) without rowid;
create table if not exists findings (id integer primary key, time text not null, kind text not null, level text not null,
  origin text not null, place integer, text text not null, notes text not null);`

function prepare(database: DatabaseSync) {
  return {
    gateways: database.prepare('select id, state from gateways'),
    addGateway: database.prepare('insert into gateways (origin, state) values (?, ?)'),
    setGateway: database.prepare('update gateways set state = ? where id = ?'),
    offset: database.prepare('select next from offsets where partition = ?'),
    setOffset: database.prepare('insert into offsets values (?, ?) on conflict do update set next = excluded.next'),
    leaf: database.prepare('select hash from leaves where gateway = ? and place = ?'),
    putLeaf: database.prepare('insert into leaves values (?, ?, ?)'),
    leaves: database.prepare('select place, hash from leaves where gateway = ? and place >= ? and place < ? order by place'),
    checkpoint: database.prepare('select * from checkpoints where gateway = ? and size = ?'),
    waiting: database.prepare('select * from checkpoints where gateway = ? and proven = 0 order by size'),
    putCheckpoint: database.prepare(
      'insert into checkpoints values (?, ?, ?, ?, ?) on conflict do update set root = excluded.root, note = excluded.note, proven = excluded.proven',
    ),
    dropCheckpoints: database.prepare(
      'delete from checkpoints where gateway = ? and size <= (select size from checkpoints where gateway = ? order by size desc limit 1 offset ?)',
    ),
    putFinding: database.prepare('insert into findings (time, kind, level, origin, place, text, notes) values (?, ?, ?, ?, ?, ?, ?)'),
  }
}

function readCheckpoint(row: Record<string, unknown>): KeptCheckpoint {
  return {
    size: row['size'] as number,
    root: Buffer.from(row['root'] as Uint8Array),
    note: row['note'] as string,
    isProven: row['proven'] === 1,
  }
}

function openDatabase(folder: string): DatabaseSync {
  const database = new DatabaseSync(join(folder, 'follow.db'), { timeout: 0 })
  try {
    database.exec('pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full')
    database.exec(schema)
    return database
  } catch (error) {
    database.close()
    throw new FollowError(`${folder} cannot be used (${(error as Error).message}); does another "audit follow" use it?`, { cause: error })
  }
}

function requireTopic(database: DatabaseSync, topic: string): void {
  database.prepare("insert or ignore into meta values ('topic', ?)").run(topic)
  const { value } = database.prepare("select value from meta where name = 'topic'").get() as { value: string }
  if (value !== topic)
    throw new FollowError(`this folder holds what was read of the topic "${value}": give the topic "${topic}" a folder of its own`)
}
