/** Reads server-sent events (WHATWG HTML §9.2.6) as browsers and their like do. */
import { spawn } from 'node:child_process'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { cleanEnv } from './command.ts'

export interface ServerEvent {
  /** As the reader would send it in Last-Event-ID: that of the last line with an id. */
  readonly id: string
  readonly type: string
  readonly data: string
}

export interface EventStream {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** Those that have come. */
  readonly events: readonly ServerEvent[]
  /** Everything that has come, as it came. */
  raw(): string
  lastId(): string
  /** Resolves with all events once `test` holds of them; rejects where the stream ends before. */
  until(test: (events: readonly ServerEvent[]) => boolean): Promise<readonly ServerEvent[]>
  ended(): Promise<void>
  pause(): void
  resume(): void
  leave(): void
}

/** An answer that is none has its text in `raw`. */
export function openEvents(
  t: TestContext,
  at: number | string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventStream> {
  const place = typeof at === 'number' ? { host: '127.0.0.1', port: at } : { socketPath: at }
  return new Promise((resolve, reject) => {
    const asked = request({ ...place, path, headers, agent: false })
    t.after(() => asked.destroy())
    asked.on('error', reject)
    asked.on('response', (res) => {
      if (res.headers['content-type'] === 'text/event-stream') resolve(reading(res))
      else text(res).then((body) => resolve({ ...reading(res), raw: () => body }), reject)
    })
    asked.end()
  })
}

function reading(res: IncomingMessage): EventStream {
  const events: ServerEvent[] = []
  let raw = ''
  let unread = ''
  let lastId = ''
  let isEnded = false
  const waiting = new Set<() => void>()
  const look = () => {
    for (const check of [...waiting]) check()
  }
  res.on('error', () => {})
  res.on('close', () => {
    isEnded = true
    look()
  })
  if (res.headers['content-type'] === 'text/event-stream')
    res.on('data', (chunk: Buffer) => {
      raw += chunk.toString()
      unread += chunk.toString()
      const blocks = unread.split('\n\n')
      unread = blocks.pop() ?? ''
      for (const block of blocks) {
        const fields = block.split('\n').map((line) => /^([^:]*): ?(.*)$/s.exec(line) ?? ['', line, ''])
        const last = (name: string) => fields.filter(([, field]) => field === name).at(-1)?.[2]
        lastId = last('id') ?? lastId
        const data = last('data')
        if (data !== undefined) events.push({ id: lastId, type: last('event') ?? 'message', data })
      }
      look()
    })
  const wait = (test: () => boolean | Error) =>
    new Promise<void>((resolve, reject) => {
      const check = () => {
        const found = test()
        if (found === false) return
        waiting.delete(check)
        if (found === true) resolve()
        else reject(found)
      }
      waiting.add(check)
      check()
    })
  return {
    ...{ status: res.statusCode ?? 0, headers: res.headers, events },
    raw: () => raw,
    lastId: () => lastId,
    async until(test) {
      await wait(() => test(events) || (isEnded && new Error(`it ended after ${JSON.stringify(events.slice(-3))}`)))
      return [...events]
    },
    ended: () => wait(() => isEnded),
    pause: () => void res.pause(),
    resume: () => void res.resume(),
    leave: () => void res.destroy(),
  }
}

/** What curl has printed once `test` holds of it; curl is then ended. */
export function curlUntil(args: readonly string[], test: (stdout: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('curl', args, { env: cleanEnv(), stdio: ['ignore', 'pipe', 'ignore'] })
    let stdout = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
      if (test(stdout)) child.kill()
    })
    child.on('error', reject)
    child.on('close', () => (test(stdout) ? resolve(stdout) : reject(new Error(`curl ended after ${stdout}`))))
  })
}
