/** A short run of `npm run fuzz`, by a seed of its own each time, which it prints. */

import { test as plainTest } from 'node:test'
import { testWith } from '../support/tools.ts'
import { fuzz } from './fuzz.ts'
import { fuzzHttp2 } from './http2.ts'

const test = await testWith('compiler')

const seed = Number(process.env['SALLYPORT_FUZZ_SEED'] ?? Date.now() % 2 ** 32)
const requests = Number(process.env['SALLYPORT_FUZZ_REQUESTS'] ?? 3000)
const frames = Number(process.env['SALLYPORT_FUZZ_FRAMES'] ?? 10_000)

test('no request ends the process, every arrival settles, and nothing is left of them', async (t) => {
  t.diagnostic(`seed ${seed}`)
  t.diagnostic(await fuzz(t, { seed, requests }))
})

plainTest('no frame of HTTP/2 ends the process, every arrival settles, and nothing is left of them', async (t) => {
  t.diagnostic(`seed ${seed}`)
  t.diagnostic(await fuzzHttp2(t, { seed, inputs: frames }))
})
