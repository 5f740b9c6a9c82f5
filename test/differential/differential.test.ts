/** A short run of the differential, by a seed of its own each time, which it prints; `npm run soak` has the long one. */
import { testWith, unless } from '../support/tools.ts'
import { differential } from './differential.ts'
import { missingServers } from './origins.ts'

const test = await testWith('compiler')

const seed = Number(process.env['SALLYPORT_DIFFERENTIAL_SEED'] ?? Date.now() % 2 ** 32)
const requests = Number(process.env['SALLYPORT_DIFFERENTIAL_REQUESTS'] ?? 600)

test('nginx, Node and Go see what was judged, of requests that readers may read differently', unless(await missingServers()), async (t) => {
  t.diagnostic(`seed ${seed}`)
  t.diagnostic(await differential(t, { seed, requests }))
})
