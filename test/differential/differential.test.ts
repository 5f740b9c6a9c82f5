/** A short run of the differential, by a seed of its own each time, which it prints; `npm run soak` has the long one. */
import { test } from 'node:test'
import { testWith } from '../support/tools.ts'
import { differential } from './differential.ts'
import { missingServers } from './origins.ts'

const compilerTest = await testWith('compiler')
const missing = process.env['CI'] === 'true' ? null : missingServers()
const serversTest = missing === null ? compilerTest : (((name: string) => test(name, { skip: missing })) as typeof test)

const seed = Number(process.env['SALLYPORT_DIFFERENTIAL_SEED'] ?? Date.now() % 2 ** 32)
const requests = Number(process.env['SALLYPORT_DIFFERENTIAL_REQUESTS'] ?? 600)

serversTest('nginx, Node and Go see what was judged, of requests that readers may read differently', async (t) => {
  t.diagnostic(`seed ${seed}`)
  t.diagnostic(await differential(t, { seed, requests }))
})
