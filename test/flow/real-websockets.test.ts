/** WebSocket clients that nobody here wrote, with the variables of `sallyport env` and nothing else: what is allowed passes, and a denial is told. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type ClientGateway, clientFile, echoMessages, startForClients } from '../support/client-gateway.ts'
import { command } from '../support/command.ts'
import { node20, pythonWith, unless } from '../support/tools.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }

let gateway: ClientGateway

before(async () => {
  gateway = await startForClients(whole, {
    answer: (_req, res) => void res.end('hello'),
    upgrade: echoMessages,
    may: [{ paths: ['/v1/**'], websocket: true }],
  })
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

const python = await pythonWith('websockets')
const older = await node20()
const node = [process.execPath, '--no-warnings', clientFile('websockets.mjs')]
const clients = [
  { name: 'Node 24’s WebSocket', words: [...node, 'own'], missing: null },
  { name: 'the package ws in Node 24', words: [...node, 'ws'], missing: null },
  { name: 'the package ws in Node 20', words: [older.program, clientFile('websockets.mjs'), 'ws'], missing: older.missing },
  { name: 'Python’s websockets', words: [python.program, '-B', clientFile('websockets_client.py')], missing: python.missing },
]

for (const { name, words, missing } of clients) {
  test(`${name}: messages pass whole where they are allowed, and a denied handshake fails`, unless(missing), async () => {
    const { https, http, env } = gateway
    const [secure, plain] = [https, http].map((url) => url.replace('http', 'ws'))
    const [program = '', ...args] = words
    const { stdout, stderr } = await command(
      program,
      [...args, `${secure}/v1/echo`, `${secure}/admin`, `${plain}/v1/echo`, `${plain}/admin`],
      { env },
    )
    const [first, denied, second, deniedToo] = stdout.split('\n')
    assert.deepEqual([first, second], ['hello 1048576', 'hello 1048576'], stdout + stderr)

    assert.match(`${denied}\n${deniedToo}`, /^refused: .*\nrefused: /)
  })
}
