/** Who may come in is looked up again whatever became of the look before. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAccess } from '../../src/access/index.ts'
import { createFolder } from '../support/folder.ts'

test('a token that is taken away is gone, though telling of the change before it failed', async (t) => {
  const token = Buffer.from(hash('sha256', 'token'), 'hex')
  let tokenHashes: readonly Buffer[] = []
  let fails = true
  const access = createAccess({
    file: join(createFolder(t), 'access.json'),
    readIdentities: async () => new Map([['weather.yaml', { name: 'weather', tokenHashes }]]),
    onChanges() {
      if (fails) throw new Error('what is open cannot be looked at')
    },
    recorded: async () => {},
    onUnkept: (error) => assert.fail(error),
  })
  await access.start()
  tokenHashes = [token]
  await assert.rejects(access.refresh(), /cannot be looked at/)
  assert.equal(access.tokensOf('weather')?.length, 1)
  fails = false
  tokenHashes = []
  await access.refresh()
  assert.deepEqual(access.tokensOf('weather'), [])
})
