/** A process that reads the log for those who ask over HTTP, so that requests of integrations never wait for it. It ends by itself once nobody has asked for a while. */
import type { LogPlaces } from './log-reader.ts'
import type { FromProcess, Question, StreamJob, ToProcess } from './process-messages.ts'
import { createQuestions } from './questions.ts'
import { streamEvents } from './stream-events.ts'

const idleMs = 60_000

interface Work {
  readonly stop: AbortController
  /** Lets the next piece go. */
  more: () => void
}

const [, , folder = '', indexFolder = '', archive = ''] = process.argv
serve({ folder, indexFolder, archive: archive === '' ? null : archive })

function serve({ folder, indexFolder, archive }: LogPlaces): void {
  const works = new Map<number, Work>()
  const questions = createQuestions({ folder, indexFolder, archive })
  const idle = setTimeout(() => {
    if (works.size === 0 && !questions.isBusy()) process.exit()
    idle.refresh()
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

  async function start(id: number, job: StreamJob | Question): Promise<void> {
    const work: Work = { stop: new AbortController(), more: () => {} }
    works.set(id, work)
    try {
      if (job.kind === 'stream') await stream(id, job, work)
      else send({ id, answer: await questions.answer(job) })
    } catch (error) {
      send({ id, failed: (error as Error).message })
    }
    works.delete(id)
    idle.refresh()
  }

  async function stream(id: number, job: StreamJob, work: Work): Promise<void> {
    for await (const events of streamEvents(folder, job, work.stop.signal)) {
      const taken = new Promise<void>((resolve) => {
        work.more = resolve
      })
      send({ id, events })
      await taken
    }
  }
}

function send(message: FromProcess): void {
  process.send?.(message)
}
