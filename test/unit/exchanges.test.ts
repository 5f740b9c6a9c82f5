import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createExchanges } from '../../src/connections/index.ts'
import type { Contained, Exchange } from '../../src/core/index.ts'
import { eachCase } from '../support/cases.ts'

const contained = { state: 'suspended' } as Contained

test('each exchange that is open is stopped once, and none that has ended, in whatever order they end', async () => {
  await eachCase([0, 1, 2, 3, 4], (first) =>
    eachCase([0, 1, 2, 3, 4], (second) => {
      const exchanges = createExchanges()
      const stopped: string[] = []
      const made = ['a', 'b', 'a', 'b', 'a'].map((integration, nth): Exchange => {
        const exchange = {
          place: -1,
          integration,
          stop() {
            stopped.push(`${integration}${nth}`)
            exchanges.ended(exchange)
          },
        }
        return exchange
      })
      made.map(exchanges.began)
      const ended = [first, second].map((nth) => made[nth] as Exchange)
      // What ends twice, or was never begun, is not there.
      ended.map(exchanges.ended)
      exchanges.ended({ place: 0, integration: 'a', stop() {} })
      exchanges.stop('a', contained)
      exchanges.stop('a', contained)
      const expected = ['a0', 'a2', 'a4'].filter((_, at) => ![first, second].includes(at * 2))
      assert.deepEqual(stopped.toSorted(), expected)
      exchanges.stop('b', contained)
      assert.deepEqual(
        stopped.slice(expected.length).toSorted(),
        ['b1', 'b3'].filter((_, at) => ![first, second].includes(at * 2 + 1)),
      )
    }),
  )
})
