/**
 * A file system that is not of this machine, for tests that need a real one: FUSE (linux/fuse.h), in a mount namespace of its own.
 * It has an empty folder, takes nothing, and says what it was asked.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { openSync, read, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'

export interface Fuse {
  /** Stands before a command that is to see it at the folder. */
  readonly enter: readonly string[]
  /** Opcodes of requests that would have changed something. */
  readonly changes: readonly number[]
}

const device = '/dev/fuse'
const enoent = -2
const erofs = -30
const enosys = -38
const opcodes = { forget: 2, lookup: 1, getattr: 3, statfs: 17, init: 26, interrupt: 36, batchForget: 42 }
/** setattr, symlink, mknod, mkdir, unlink, rmdir, rename, link, write, setxattr, removexattr, create, fallocate, rename2. */
const changing = new Set([4, 6, 8, 9, 10, 11, 12, 13, 16, 21, 24, 35, 43, 45])

const optionsFor = (fd: number) => `fd=${fd},rootmode=40000,user_id=0,group_id=0,allow_other`

/** Why none can be mounted here; `null` where one can. */
export function whyNoFuse(): string | null {
  const script = `exec 3<>${device} && mount -i -t fuse -o ${optionsFor(3)} test /mnt`
  const { status, stderr, error } = spawnSync('unshare', ['--mount', 'sh', '-c', script], { encoding: 'utf8' })
  return status === 0 ? null : `no FUSE can be mounted here: ${error?.message ?? stderr.trim()}`
}

/** Mounted at a folder that is there, until the test ends. */
export async function mountFuse(t: TestContext, folder: string): Promise<Fuse> {
  const fd = openSync(device, 'r+')
  const script = `mount -i -t fuse -o ${optionsFor(3)} test ${folder} && echo mounted && exec sleep 1000`
  const holder = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--mount', 'sh', '-c', script], {
    stdio: ['ignore', 'pipe', 'inherit', fd],
  })
  // With its namespace the mount goes, and with that the pending read of the device.
  t.after(() => void holder.kill('SIGKILL'))
  await once(createInterface(holder.stdout as NodeJS.ReadableStream), 'line')
  const changes: number[] = []
  serve(fd, changes)
  return { enter: ['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`], changes }
}

function serve(fd: number, changes: number[]): void {
  const bytes = Buffer.alloc(256 * 1024)
  read(fd, bytes, 0, bytes.byteLength, null, (error, length) => {
    // It was unmounted.
    if (error !== null || length === 0) return
    const opcode = bytes.readUInt32LE(4)
    if (changing.has(opcode)) changes.push(opcode)
    const reply = replyTo(opcode)
    if (reply !== null) {
      const head = Buffer.alloc(16)
      const body = typeof reply === 'number' ? Buffer.alloc(0) : reply
      head.writeUInt32LE(16 + body.byteLength, 0)
      head.writeInt32LE(typeof reply === 'number' ? reply : 0, 4)
      bytes.copy(head, 8, 8, 16)
      writeSync(fd, Buffer.concat([head, body]))
    }
    serve(fd, changes)
  })
}

/** A body, an error, or `null` for what wants no reply. */
function replyTo(opcode: number): Buffer | number | null {
  if (opcode === opcodes.forget || opcode === opcodes.batchForget || opcode === opcodes.interrupt) return null
  if (opcode === opcodes.lookup) return enoent
  if (changing.has(opcode)) return erofs
  if (opcode === opcodes.init) {
    const out = Buffer.alloc(64)
    out.writeUInt32LE(7, 0)
    out.writeUInt32LE(31, 4)
    out.writeUInt32LE(4096, 20)
    return out
  }
  if (opcode === opcodes.getattr) {
    const out = Buffer.alloc(104)
    out.writeBigUInt64LE(1n, 16)
    out.writeUInt32LE(0o40777, 76)
    out.writeUInt32LE(2, 80)
    return out
  }
  return opcode === opcodes.statfs ? Buffer.alloc(80) : enosys
}
