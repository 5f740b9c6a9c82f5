/** Callers of a recording server, and what they received compared with the records in its log. */
import assert from 'node:assert/strict'
import { type Verification, verifyAudit } from '../../src/proof/index.ts'
import { textOf, walNames } from './log-records.ts'
import { connect } from './sockets.ts'

export interface Received {
  readonly status: number
  readonly id: string
}

export interface Drive {
  readonly port: number
  /** The next request's letter; `null`: no more, and the connection ends with the last answer. */
  readonly next: () => string | null
  readonly onReply?: () => void
}

const underWay = 4

/** Keeps some requests under way over one connection until it breaks; gives what was answered whole. Never rejects. */
export function drive({ port, next, onReply = () => {} }: Drive): Promise<readonly Received[]> {
  return new Promise((resolve) => {
    const received: Received[] = []
    let rest = ''
    let waiting = 0
    const ask = () => {
      const letter = next()
      if (letter === null) {
        if (waiting === 0) socket.end()
        return
      }
      waiting += 1
      socket.write(letter)
    }
    const socket = connect(port, '127.0.0.1', () => {
      for (let i = 0; i < underWay; i += 1) ask()
    })
    socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString('latin1')).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        received.push({ status: Number(line.slice(0, 3)), id: line.slice(4) })
        waiting -= 1
        onReply()
        ask()
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(received))
  })
}

/** Throws where the log does not verify, or where a reply has no record of what was answered. 503 promises none. */
export async function requireRecorded(folder: string, received: readonly Received[]): Promise<Verification & { readonly files: number }> {
  const verification = await verifyAudit(folder)
  assert.deepEqual(verification.findings, [])
  const log = textOf(folder)
  const isAllowed = new Map<string, boolean>()
  for (const [, id = ''] of log.matchAll(/"type":"refused","id":"([^"]+)"/g)) isAllowed.set(id, false)
  for (const [, id = '', allow] of log.matchAll(/"type":"decided","id":"([^"]+)"[^\n]*?"allow":(true|false)/g))
    isAllowed.set(id, allow === 'true')
  const answered = received.filter(({ status }) => status !== 429 && status !== 503)
  const unrecorded = answered.filter(({ status, id }) => (status === 200 ? isAllowed.get(id) !== true : !isAllowed.has(id)))
  assert.deepEqual(unrecorded, [], 'replies without a record')
  const flooded = received.filter(({ status }) => status === 429).length
  const summed = [...log.matchAll(/"code":"arrivals-exceeded","count":(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0)
  assert.ok(summed >= flooded, `${flooded} replies of floods, and ${summed} are in sums`)
  return { ...verification, files: walNames(folder).length }
}
