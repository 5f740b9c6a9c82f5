/** Live streams of records as server-sent events (WHATWG HTML §9.2): each reader gets the next piece once it has taken the one before. */
import type { ServerResponse } from 'node:http'
import type { Principal } from '../../operators/index.ts'
import { sendProblem } from '../answers.ts'
import type { LogReader, Running } from './log-reader.ts'
import type { Events, StreamJob } from './process-messages.ts'
import type { Asked, LongRead, Reads } from './reads.ts'

export interface StreamsOptions {
  readonly reader: Pick<LogReader, 'stream'>
  readonly reads: Reads
  /** The log could not be read on. */
  readonly onFailed: (error: unknown) => void
  /** Of all principals together; a quarter of them may be one's. */
  readonly maxStreams: number
  readonly heartbeatMs?: number
  /** A reader that takes nothing for so long is disconnected. */
  readonly slowMs?: number
  /** Milliseconds since the epoch. */
  readonly wallClock?: () => number
}

export interface Streams {
  /** Answers, and stays until the reader leaves. Rejects as `Reads.begin`. */
  open(res: ServerResponse, principal: Principal, job: StreamJob, asked: Asked): Promise<void>
  count(): number
  close(): void
}

/** Why a stream ends, as its last event says. */
const ends = {
  slow: 'you read more slowly than records come: connect again with Last-Event-ID to go on from there',
  expired: 'what proved who you are is over: connect again with a new token',
  stopping: 'the gateway stops: connect again with Last-Event-ID to go on from there',
  failed: 'the log cannot be read on: connect again with Last-Event-ID to go on from there',
} as const
type Reason = keyof typeof ends

interface Stream {
  /** `listener` is called once it is over, whoever has ended it. */
  onStopped(listener: () => void): void
  begin(recorded: LongRead, expiresInMs: number | null): void
  /** With a last event that says why. */
  finish(reason: Reason): void
}

/** The last event may wait behind all that a slow reader has not read yet. */
const lastMs = 5000
/** Node fires a longer timer at once. */
const longestTimerMs = 2 ** 31 - 1

export function createStreams(options: StreamsOptions): Streams {
  const { reader, reads, onFailed, maxStreams, heartbeatMs = 15_000, slowMs = 30_000, wallClock = Date.now } = options
  const open = new Map<Stream, { readonly owner: string }>()
  const maxOwn = Math.max(1, Math.floor(maxStreams / 4))

  function isFull(owner: string): boolean {
    const own = [...open.values()].filter((stream) => stream.owner === owner).length
    return open.size >= maxStreams || own >= maxOwn
  }

  return {
    count: () => open.size,
    async open(res, principal, job, asked) {
      const owner = JSON.stringify([principal.by, principal.name])
      if (isFull(owner))
        return sendProblem(res, 429, `no more than ${maxOwn} streams may be yours, and ${maxStreams} of all`, { 'retry-after': '10' })
      const stream = createStream(res, job)
      const { expiresAtMs } = principal
      // Its place is taken while its record is written.
      open.set(stream, { owner })
      stream.onStopped(() => open.delete(stream))
      try {
        const read = await reads.begin(principal, 'stream', { ...asked, from: String(job.from) })
        stream.begin(read, expiresAtMs === null ? null : Math.max(0, expiresAtMs - wallClock()))
      } catch (error) {
        open.delete(stream)
        throw error
      }
    },
    close() {
      for (const stream of [...open.keys()]) stream.finish('stopping')
    },
  }

  function createStream(res: ServerResponse, job: StreamJob): Stream {
    let last = job.from - 1
    let read: LongRead | null = null
    let running: Running | null = null
    let isOver = false
    let stopped = () => {}
    const timers: NodeJS.Timeout[] = []
    let slow: NodeJS.Timeout | undefined

    return {
      onStopped(listener) {
        stopped = listener
      },
      begin(recorded, expiresInMs) {
        if (isOver) return recorded.end('the reader has left')
        read = recorded
        if (res.destroyed) return stop('the reader has left')
        timers.push(setInterval(beat, heartbeatMs).unref())
        if (expiresInMs !== null) expireIn(expiresInMs)
        res.once('close', () => stop('the reader has left'))
        // The server lets an end of the caller's side pass, for answers that end soon: this one would not.
        res.socket?.once('end', () => res.destroy())
        res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
        res.write('retry: 5000\n\n')
        running = reader.stream(job, { events: pass, failed })
      },
      finish,
    }

    function expireIn(ms: number): void {
      const stepMs = Math.min(longestTimerMs, ms)
      const next = () => (ms > stepMs ? expireIn(ms - stepMs) : finish('expired'))
      timers.push(setTimeout(next, stepMs).unref())
    }

    function pass(events: Events): void {
      last = events.last
      read?.add(events.records)
      if (events.text === '' || res.write(events.text)) {
        running?.more()
        return
      }
      slow = setTimeout(finish, slowMs, 'slow').unref()
      res.once('drain', () => {
        clearTimeout(slow)
        if (!isOver) running?.more()
      })
    }

    function failed(problem: string): void {
      onFailed(new Error(problem))
      finish('failed')
    }

    /** Keeps what is in between from closing it; and who connects again begins behind what was looked at, also where nothing of it matched. */
    function beat(): void {
      if (!res.writableNeedDrain) res.write(last < 0 ? ': heartbeat\n\n' : `: heartbeat\nid: ${last}\n\n`)
    }

    function stop(how: string): void {
      if (isOver) return
      isOver = true
      read?.end(how)
      for (const timer of timers) clearTimeout(timer)
      clearTimeout(slow)
      running?.end()
      stopped()
    }

    function finish(reason: Reason): void {
      if (isOver) return
      stop(reason)
      if (!res.headersSent) {
        sendProblem(res, 503, ends[reason], { 'retry-after': '5' })
        return
      }
      res.end(`event: end\ndata: ${JSON.stringify({ reason, detail: ends[reason], last })}\n\n`)
      setTimeout(() => res.destroy(), lastMs).unref()
    }
  }
}
