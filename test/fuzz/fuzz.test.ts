/** A short run of `npm run fuzz`, by a seed of its own each time, which it prints. */

import { test as plainTest } from 'node:test'
import { testWith } from '../support/tools.ts'
import { fuzz } from './fuzz.ts'
import { fuzzHeads } from './heads.ts'
import { fuzzHttp2 } from './http2.ts'
import { fuzzWebSockets } from './web-sockets.ts'

const test = await testWith('compiler')

const seed = Number(process.env['SALLYPORT_FUZZ_SEED'] ?? Date.now() % 2 ** 32)
const requests = Number(process.env['SALLYPORT_FUZZ_REQUESTS'] ?? 3000)
const frames = Number(process.env['SALLYPORT_FUZZ_FRAMES'] ?? 10_000)
const heads = Number(process.env['SALLYPORT_FUZZ_HEADS'] ?? 30_000)
const webSocketFrames = Number(process.env['SALLYPORT_FUZZ_WEB_SOCKET_FRAMES'] ?? 10_000)

test('no request ends the process, every arrival settles, and nothing is left of them', async (t) => {
  t.diagnostic(`seed ${seed}`)
  t.diagnostic(await fuzz(t, { seed, requests }))
})

plainTest('no frame of HTTP/2 ends the process, every arrival settles, and nothing is left of them', async (t) => {
  t.diagnostic(`seed ${seed}`)
  t.diagnostic(await fuzzHttp2(t, { seed, inputs: frames }))
})

plainTest('no frame of a WebSocket ends the process, every arrival settles, and nothing is left of them', async (t) => {
  t.diagnostic(`seed ${seed}`)
  t.diagnostic(await fuzzWebSockets(t, { seed, inputs: webSocketFrames }))
})

plainTest('each head is read in one spelling or refused', (t) => {
  t.diagnostic(fuzzHeads({ seed, inputs: heads }))
})
