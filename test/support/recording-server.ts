/**
 * What records, and no more, for tests that break it thousands of times: the path itself, the log, and the lock of the state
 * folder are the gateway's; what is around them answers at once. Asked over a socket, one letter per request (`a` is allowed,
 * `d` denied, `f` one too many); each reply is a line with its status and id.
 */
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import type { AppendFile, AuditMask } from '../../src/audit/index.ts'
import type { Config } from '../../src/config/index.ts'
import { type AccessRequest, type Arrival, Claim, type Stations } from '../../src/core/index.ts'
import { openRecording } from '../../src/gateway/recording.ts'
import { createIds } from '../../src/ingress/request-id.ts'
import { createPipeline } from '../../src/pipeline.ts'
import type { Logger, Metrics } from '../../src/telemetry/index.ts'
import { createServer } from './sockets.ts'

export interface RecordingOptions {
  readonly stateFolder: string
  readonly maxSegmentBytes: number
  readonly file?: AppendFile
  /** What an origin does before it answers. */
  readonly perform: () => Promise<void>
}

export interface RecordingServer {
  readonly port: number
  /** Serves who is connected to the end, and closes the log. */
  close(): Promise<void>
}

type Letter = 'a' | 'd' | 'f'
const integration = { name: 'weather', source: 'weather.yaml', redaction: {} }
const mask: AuditMask = { text: (text) => text, query: (query) => query, of: () => mask }

/** Throws as `openRecording` and `AuditStation.ready`. */
export async function startRecording({ stateFolder, maxSegmentBytes, file, perform }: RecordingOptions): Promise<RecordingServer> {
  const folder = join(stateFolder, 'audit')
  const auditLog = await openRecording({
    config: {
      state: { folder: stateFolder },
      audit: { folder, maxSegmentBytes, durability: 'reply', key: { file: join(stateFolder, 'audit.key') } },
    } as Config,
    mask,
    logger: { fatal() {}, error() {}, warn() {} } as unknown as Logger,
    metrics: { gauge() {} } as unknown as Metrics,
    file,
  })
  const handle = createPipeline({
    policy: {
      ...{ needs: {}, decideAsync: null, activations: () => 0 },
      decide: ({ action }: { action: Letter }) => ({ allow: action === 'a', rule: 'rules', reasons: [], obligations: {}, revision: 'r' }),
    },
    limits: {
      arrive: (of: { letter: Letter } | null) => (of?.letter === 'f' ? 1000 : 0),
      keepBack: () => 0,
      admit: () => ({ run: (effect: () => unknown) => effect(), settle() {}, sent() {}, received() {} }),
    },
    findResource: () => ({
      claim: (request: AccessRequest) => Claim.of(request, answer, { facts: {}, subject: { path: '/v1' }, origin: 'o' }),
    }),
    redactor: { reply: (_permit: unknown, reply: unknown) => reply },
    auditLog,
    decisionLog: null,
    usage: { settled() {} },
    exchanges: { began() {}, ended() {} },
    onBug: (error: unknown) => console.error(error),
    onBytes() {},
    isDraining: () => false,
    requireRoom() {},
    now: () => performance.now(),
  } as unknown as Stations)

  async function answer() {
    await perform()
    return { status: 200, headers: [], body: null }
  }

  const nextId = createIds()
  async function serve(letter: Letter, socket: Socket): Promise<void> {
    const id = nextId()
    const settling = await handle({
      ...{ id, door: 'proxy', at: Date.now(), peer: '127.0.0.1', hangup: { gone: false, onGone: () => () => {} } },
      identify: () => ({ integration: { ...integration, letter }, identity: 'token' }),
      read: () => ({ kind: 'self', action: letter, integration, identity: 'token' }) as unknown as AccessRequest,
      cut: () => void socket.destroy(),
    } as unknown as Arrival)
    socket.write(`${settling.reply.status} ${id}\n`, () => settling.settle({ complete: true }))
  }

  try {
    await auditLog.ready()
  } catch (error) {
    await auditLog.close()
    throw error
  }
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      for (const letter of chunk.toString('latin1')) void serve(letter as Letter, socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      await new Promise((resolve) => server.close(resolve))
      await auditLog.close()
    },
  }
}
