/** What `sallyport env` has Node 20 load: programs there go where those of later versions go, and what they set themselves stays. */
import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { after, before, test } from 'node:test'
import { type ClientGateway, startForClients } from '../support/client-gateway.ts'
import { command } from '../support/command.ts'
import { node20, unless } from '../support/tools.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
const { program, missing } = await node20()
const olderTest = (name: string, run: () => Promise<void>) => test(name, unless(missing), run)

let gateway: ClientGateway

before(async () => {
  const answer: RequestListener = (req, res) => void res.end(String(req.headers['x-told']))
  gateway = await startForClients(whole, { answer, may: [{ paths: ['/v1/**'] }] })
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

/** What a module with top-level await prints, `url` being that of the plain origin by its name. */
async function run(source: string, more: NodeJS.ProcessEnv = {}): Promise<string> {
  const { env, http } = gateway
  const { stdout, stderr } = await command(program, ['--input-type=module', '-e', `const url = '${http}'\n${source}`], {
    env: { ...env, ...more },
  })
  return stdout + stderr
}

olderTest('fields that are given as a list arrive, with the credentials for the proxy', async () => {
  const source = `import http from 'node:http'
    const headers = ['host', new URL(url).host, 'x-told', 'kept', 'connection', 'close']
    http.get(url + '/v1/a', { headers }, (res) => res.pipe(process.stdout))`
  assert.equal(await run(source), 'kept')
})

olderTest('NO_PROXY names hosts that are asked directly, with a port that one alone', async () => {
  const source = `const { status } = await fetch(url.replace('api.example.com', '127.0.0.1') + '/v1/a'); console.log(status)`
  const port = new URL(gateway.http).port
  assert.equal(await run(source, { NO_PROXY: 'example.org', no_proxy: 'example.org' }), '403\n')
  assert.equal(await run(source, { NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1' }), '200\n')
  assert.equal(await run(source, { NO_PROXY: `127.0.0.1:${port}`, no_proxy: `127.0.0.1:${port}` }), '200\n')
  assert.equal(await run(source, { NO_PROXY: '127.0.0.1:1', no_proxy: '127.0.0.1:1' }), '403\n')
})

olderTest('a request with an agent of its own, and another dispatcher, stay as they are', async () => {
  const source = `import http from 'node:http'
    const { port } = new URL(url)
    http.get({ host: '127.0.0.1', port, path: '/admin', agent: new http.Agent() }, (res) => console.log(res.statusCode))
    const symbol = Symbol.for('undici.globalDispatcher.1')
    globalThis[symbol] = new globalThis[symbol].constructor({ connect: (_options, done) => done(new Error('own')) })
    await fetch(url + '/v1/a').catch((error) => console.log(error.cause?.message ?? error.message))`
  assert.deepEqual((await run(source)).trim().split('\n').toSorted(), ['200', 'own'])
})
