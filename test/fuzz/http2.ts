/** Hostile frames of HTTP/2 inside an interception. */
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { connectionBelow, openInside } from '../support/tunnel.ts'
import { createFrames } from './frames.ts'
import { startFuzzedInside } from './fuzzed-inside.ts'
import { createRandom } from './generate.ts'
import { hammer } from './hammer.ts'

const framesPerConnection = 50
/** What is not answered by then is left as a caller leaves. */
const patienceMs = [5, 30, 100] as const

/** Throws with the seed and what was sent last where the gateway does not do what it must. */
export async function fuzzHttp2(t: TestContext, { seed, inputs }: { readonly seed: number; readonly inputs: number }): Promise<string> {
  const { installation, gateway, ports, requireAlive, effects } = await startFuzzedInside(t)
  const random = createRandom(seed)
  const frames = createFrames(
    random,
    ports.map((port) => `localhost:${port}`),
  )
  return hammer({
    ...{ installation, gateway, seed, inputs, requireAlive, effects, what: 'frames' },
    attack() {
      const origin = Math.floor(random() * ports.length)
      const { chunks, count } = frames(origin, 1 + Math.floor(random() * 2 * framesPerConnection))
      const whole = random() < 0.5
      const waitMs = patienceMs[Math.floor(random() * patienceMs.length)] as number
      const to = { proxyPort: gateway.proxyPort, port: ports[origin] as number, tls: { ALPNProtocols: ['h2'] } }
      return {
        inputs: count,
        told: JSON.stringify([whole, waitMs, Buffer.concat(chunks).toString('base64').slice(0, 2000)]),
        send: async () => {
          const socket = await openInside(installation, to).catch(() => null)
          if (socket !== null) await write(socket, whole ? [Buffer.concat(chunks)] : chunks, waitMs)
        },
      }
    },
  })
}

function write(socket: Socket, chunks: readonly Buffer[], waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const patience = setTimeout(() => connectionBelow(socket.destroy()).destroy(), waitMs)
    socket.on('error', () => {}).on('data', () => {})
    connectionBelow(socket).once('close', () => {
      clearTimeout(patience)
      resolve()
    })
    for (const chunk of chunks) socket.write(chunk)
  })
}
