/** Runs a WebAssembly program once, in a process of its own: no preopened folder, no environment, standard streams only. */
import { readFileSync } from 'node:fs'
import { WASI } from 'node:wasi'

/** `EBADF` of WASI preview 1. */
const badDescriptor = 8

const [, , path = '', parent = ''] = process.argv
await run(await WebAssembly.compile(readFileSync(path)), readFileSync(0))

/** node:wasi gives up where a pipe is full for a moment, which an answer of some 100 KB makes it: the streams are kept here. */
async function run(module: WebAssembly.Module, input: Buffer): Promise<void> {
  const wasi = new WASI({ version: 'preview1', args: ['compiler'], env: {}, preopens: {}, returnOnExit: true })
  const { wasi_snapshot_preview1: functions } = wasi.getImportObject() as Record<string, Record<string, WebAssembly.ImportValue>>
  const { clock_time_get: clock } = functions as Record<'clock_time_get', (id: number, precision: bigint, at: number) => number>
  const written: Record<number, Buffer[]> = { 1: [], 2: [] }
  let taken = 0
  const read = (fd: number, memory: Uint8Array) => {
    if (fd !== 0) return null
    const size = input.copy(memory, 0, taken)
    taken += size
    return size
  }
  const write = (fd: number, memory: Uint8Array) => {
    written[fd]?.push(Buffer.from(memory))
    return fd in written ? memory.length : null
  }
  const instance = await WebAssembly.instantiate(module, {
    wasi_snapshot_preview1: { ...functions, clock_time_get: time, fd_read: overVectors(read), fd_write: overVectors(write) },
  })
  process.exitCode = wasi.start(instance)
  process.stdout.write(Buffer.concat(written[1] ?? []))
  process.stderr.write(Buffer.concat(written[2] ?? []))

  /** Go's scheduler and collector ask all the time; nothing else runs here meanwhile that would hear of a parent that was killed. */
  function time(id: number, precision: bigint, at: number): number {
    if (process.ppid !== Number(parent)) process.kill(process.pid, 'SIGKILL')
    return clock(id, precision, at)
  }

  /** `iovec` and `ciovec`: address and length, 32 bits each. `use` gives `null` for a descriptor that is not open. */
  function overVectors(use: (fd: number, memory: Uint8Array) => number | null) {
    return (fd: number, vectors: number, count: number, sizeAt: number): number => {
      const { buffer } = instance.exports['memory'] as WebAssembly.Memory
      const view = new DataView(buffer)
      let total = 0
      for (let at = vectors; at < vectors + count * 8; at += 8) {
        const size = use(fd, new Uint8Array(buffer, view.getUint32(at, true), view.getUint32(at + 4, true)))
        if (size === null) return badDescriptor
        total += size
      }
      view.setUint32(sizeAt, total, true)
      return 0
    }
  }
}
