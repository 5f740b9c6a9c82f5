/** A short run of `npm run fuzz`, by a seed of its own each time, which it prints. */

import { testWith } from '../support/tools.ts'
import { fuzz } from './fuzz.ts'

const test = await testWith('compiler')

const seed = Number(process.env['SALLYPORT_FUZZ_SEED'] ?? Date.now() % 2 ** 32)
const requests = Number(process.env['SALLYPORT_FUZZ_REQUESTS'] ?? 3000)

test('no request ends the process, every arrival settles, and nothing is left of them', async (t) => {
  t.diagnostic(`seed ${seed}`)
  t.diagnostic(await fuzz(t, { seed, requests }))
})
