/** A process that reads the log for those who ask over HTTP, so that requests of integrations never wait for it. It ends by itself once nobody has asked for a while. */
import type { FromProcess, StreamJob, ToProcess } from './process-messages.ts'
import { streamEvents } from './stream-events.ts'

const idleMs = 60_000

interface Work {
  readonly stop: AbortController
  /** Lets the next piece go. */
  more: () => void
}

serve(process.argv[2] ?? '')

function serve(folder: string): void {
  const works = new Map<number, Work>()
  const idle = setTimeout(() => {
    if (works.size === 0) process.exit()
  }, idleMs)
  process.once('disconnect', () => process.exit())
  process.on('message', (message: ToProcess) => {
    const work = works.get(message.id)
    if ('job' in message) void start(message.id, message.job)
    else {
      if ('end' in message) work?.stop.abort()
      work?.more()
    }
  })

  async function start(id: number, job: StreamJob): Promise<void> {
    const work: Work = { stop: new AbortController(), more: () => {} }
    works.set(id, work)
    try {
      for await (const events of streamEvents(folder, job, work.stop.signal)) {
        const taken = new Promise<void>((resolve) => {
          work.more = resolve
        })
        send({ id, events })
        await taken
      }
    } catch (error) {
      send({ id, failed: (error as Error).message })
    }
    works.delete(id)
    idle.refresh()
  }
}

function send(message: FromProcess): void {
  process.send?.(message)
}
