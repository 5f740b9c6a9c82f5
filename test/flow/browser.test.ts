/**
 * Chromium passes with the variables of `sallyport env` and the CA in the store of its user, where the integration has a listener of
 * its own: a browser sends no token by itself.
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { type ClientGateway, clientFile, echoMessages, startForClients, sumOf } from '../support/client-gateway.ts'
import { command, type Finished } from '../support/command.ts'
import { main } from '../support/installation.ts'
import { firstProgram, unless, withoutProgram } from '../support/tools.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
const large = randomBytes(4 * 1024 * 1024)
const chromium = await firstProgram('chromium-headless-shell', 'chromium')
const missing = chromium.missing ?? (await withoutProgram('certutil'))
const browserTest = (name: string, run: () => Promise<void>) => test(name, unless(missing), run)

let gateway: ClientGateway
let home: string
/** Replies that wait for a page to be done. */
const held: ServerResponse[] = []

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  res.setHeader('content-type', 'text/html')
  if (req.url?.endsWith('.html')) res.end(readFileSync(clientFile(basename(req.url))))
  else if (req.url === '/v1/sum') res.end(await sumOf(req))
  else if (req.url === '/v1/large') res.end(large)
  else if (req.url === '/v1/held') held.push(res)
  else res.end('hello')
  if (req.url === '/v1/done') for (const waiting of held.splice(0)) waiting.end()
}

before(async () => {
  if (missing !== null) return
  gateway = await startForClients(whole, {
    answer: (req, res) => void answer(req, res),
    upgrade: echoMessages,
    may: [{ methods: ['GET', 'PUT'], paths: ['/v1/**'], websocket: true }],
    hasOwnListener: true,
  })
  home = mkdtempSync(join(gateway.installation.folder, 'home-'))
  const { stdout } = await command(process.execPath, ['--no-warnings', main, 'ca', 'trust', '--config', gateway.installation.configFile])
  // What it says of Chromium, as it stands there.
  const [line = ''] = /mkdir -p \S+ && certutil -d \S+\/\.pki.*/.exec(stdout) ?? []
  const trusted = await command('sh', ['-c', line], { env: { ...gateway.env, HOME: home } })
  assert.deepEqual([trusted.code, trusted.stderr], [0, ''], stdout)
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

/** Its document, once it is loaded. As root, which tests in containers are, Chromium has no sandbox. */
const visit = (url: string): Promise<Finished> =>
  command(chromium.program, ['--headless', '--no-sandbox', '--dump-dom', url], {
    env: { ...gateway.env, HOME: home },
    cwd: home,
  })

browserTest('a page is shown, in plain HTTP and inside an interception, and a denied one says why', async () => {
  const { https, http } = gateway
  assert.match((await visit(`${http}/v1/a`)).stdout, />hello</)
  assert.match((await visit(`${https}/admin`)).stdout, /"code":"policy-denied"/)
  assert.match((await visit(https.replace('api', 'other'))).stdout, /"code":"policy-denied"/)
})

browserTest('a page’s scripts fetch over HTTP/2, upload and download whole, and see the status of a denial', async () => {
  const { stdout, stderr } = await visit(`${gateway.https}/v1/page.html`)
  const [, told = ''] = /<pre id="told">([^<]*)/.exec(stdout) ?? []
  const sum = createHash('sha256').update(large).digest('hex')
  assert.deepEqual(told.split('\n'), [`${sum} 200`, `${sum} 200`, 'hello 200', 'policy-denied 403', 'TypeError', 'h2'], stderr)
})

browserTest('a page’s WebSockets pass whole, in plain HTTP and inside an interception, and a denied one fails', async () => {
  await eachCase([gateway.http, gateway.https], async (origin) => {
    const { stdout, stderr } = await visit(`${origin}/v1/socket.html`)
    const [, told = ''] = /<pre id="told">([^<]*)/.exec(stdout) ?? []
    assert.deepEqual(told.split('\n'), ['hello 1048576', 'refused'], stderr)
  })
})
