/** What a command says of a gateway that ends while it answers. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { askGateway } from '../../src/cli/admin-client.ts'
import { CommandError } from '../../src/cli/exit.ts'
import { createFolder } from '../support/folder.ts'

for (const [what, head] of [
  ['with a length', { 'content-length': '100' }],
  ['in chunks', {}],
] as const)
  test(`an answer ${what} that breaks off is a failure that says so`, async (t) => {
    const socketPath = join(createFolder(t), 'admin.sock')
    const server = createServer((_req, res) => {
      res.writeHead(200, head)
      res.write('{"ok":')
      setImmediate(() => res.destroy())
    })
    await new Promise<void>((resolve) => server.listen(socketPath, resolve))
    t.after(() => server.close())
    await assert.rejects(
      askGateway(socketPath, 'POST', '/v1/reload'),
      (error) => error instanceof CommandError && /broke off/.test(error.message),
    )
  })
