/** A witness as c2sp.org/tlog-witness says, on a real server: it remembers the newest checkpoint of each log, and cosigns what grows out of it. */
import { createPublicKey, generateKeyPairSync, hash, type KeyObject, sign, verify } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { holdsConsistency } from '../../src/proof/merkle.ts'

interface Seen {
  readonly size: number
  readonly root: Buffer
}

export interface TestWitness {
  readonly url: string
  readonly verifierKey: string
  /** Has it know one more log, by its verifier key. */
  knows(logKey: string): void
  /** By origin. */
  readonly seen: Map<string, Seen>
  /** Statuses of its answers. */
  readonly answers: number[]
  /** What it does instead of answering as it should. */
  misbehave: ((request: IncomingMessage, honest: Answer) => Answer | Promise<Answer>) | null
}

export interface Answer {
  readonly status: number
  readonly type?: string
  readonly body: string
}

const idOf = (name: string, type: number, raw: Buffer) =>
  hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(type), raw]), 'buffer').subarray(0, 4)
const rawOf = (key: KeyObject) => Buffer.from((key.export({ format: 'jwk' }) as { x: string }).x, 'base64url')

/** `logKeys`: verifier keys of the logs that it knows. */
export async function startWitness(
  t: Pick<TestContext, 'after'>,
  logKeys: readonly string[],
  name = 'witness.example/w1',
): Promise<TestWitness> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = rawOf(publicKey)
  const id = idOf(name, 4, raw)
  const logs = new Map<string, string>()
  const knows = (logKey: string) => void logs.set(logKey.slice(0, logKey.indexOf('+')), logKey)
  for (const logKey of logKeys) knows(logKey)
  const server = createServer((request, response) => {
    void (async () => {
      const honest =
        request.method === 'POST' && request.url === '/w/add-checkpoint' ? add(await buffer(request)) : { status: 404, body: '' }
      const { status, type = 'text/plain', body } = (await witness.misbehave?.(request, honest)) ?? honest
      witness.answers.push(status)
      response.writeHead(status, { 'content-type': type }).end(body)
    })()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const witness: TestWitness = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/w`,
    verifierKey: `${name}+${id.toString('hex')}+${Buffer.concat([Buffer.of(4), raw]).toString('base64')}`,
    knows,
    seen: new Map(),
    answers: [],
    misbehave: null,
  }
  return witness

  function add(bytes: Buffer): Answer {
    const text = bytes.toString('utf8')
    const [head = '', ...rest] = text.split('\n\n')
    const note = rest.join('\n\n')
    const [oldLine = '', ...proofLines] = head.split('\n')
    const old = Number(/^old (0|[1-9]\d*)$/.exec(oldLine)?.[1])
    const body = `${note.slice(0, note.lastIndexOf('\n\n'))}\n`
    const [origin = '', sizeLine, rootLine = ''] = body.split('\n')
    const size = Number(sizeLine)
    const logKey = logs.get(origin)
    if (logKey === undefined) return { status: 404, body: '' }
    if (!isSigned(note, body, origin, logKey)) return { status: 403, body: '' }
    if (!(old <= size)) return { status: 400, body: '' }
    const known = witness.seen.get(origin) ?? { size: 0, root: Buffer.alloc(0) }
    if (known.size !== old) return { status: 409, type: 'text/x.tlog.size', body: `${known.size}\n` }
    const root = Buffer.from(rootLine, 'base64')
    if (old === size && !known.root.equals(root)) return { status: 409, body: '' }
    const proof = proofLines.map((line) => Buffer.from(line, 'base64'))
    if (old > 0 ? !holdsConsistency(known, { size, root }, proof) : proof.length > 0) return { status: 422, body: '' }
    witness.seen.set(origin, { size, root })
    const seconds = Math.floor(Date.now() / 1000)
    const time = Buffer.alloc(8)
    time.writeBigUInt64BE(BigInt(seconds))
    const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${seconds}\n${body}`), privateKey)
    return { status: 200, body: `— ${name} ${Buffer.concat([id, time, signature]).toString('base64')}\n` }
  }
}

function isSigned(note: string, body: string, origin: string, logKey: string): boolean {
  const raw = Buffer.from(logKey.split('+').slice(2).join('+'), 'base64').subarray(1)
  const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') } })
  const lines = note.slice(body.length + 1).split('\n')
  return lines.some(
    (line) =>
      line.startsWith(`— ${origin} `) && verify(null, Buffer.from(body), key, Buffer.from(line.split(' ')[2] ?? '', 'base64').subarray(4)),
  )
}
