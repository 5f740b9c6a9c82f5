/**
 * HTTP clients that nobody here wrote do what they do everywhere, with the variables of `sallyport env` and nothing else: what is
 * allowed passes whole, small and large, on kept connections and in the HTTP version of the client's choice; a denial can be read.
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type ClientGateway, clientFile, startForClients, sumOf } from '../support/client-gateway.ts'
import { command } from '../support/command.ts'
import { goProgram, node20, nodeClient, pythonWith, unless } from '../support/tools.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
const large = randomBytes(4 * 1024 * 1024)
const largeSum = createHash('sha256').update(large).digest('hex')

let gateway: ClientGateway
let body: string

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.headers['content-type'] === 'application/grpc') echoCall(req, res)
  else if (req.url === '/v1/large') res.end(large)
  else if (req.url === '/v1/sum') res.end(await sumOf(req))
  else res.end('hello')
}

/** Its message comes back, and its status is OK. */
function echoCall(req: IncomingMessage, res: ServerResponse): void {
  res.setHeader('content-type', 'application/grpc')
  req.pipe(res, { end: false })
  req.on('end', () => {
    res.addTrailers({ 'grpc-status': '0' })
    res.end()
  })
}

before(async () => {
  gateway = await startForClients(whole, {
    answer: (req, res) => void answer(req, res),
    may: [
      { methods: ['GET', 'PUT'], paths: ['/v1/**'] },
      { methods: ['POST'], paths: ['/test.Echo/*'] },
    ],
  })
  body = join(gateway.installation.folder, 'body')
  writeFileSync(body, large)
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

interface Client {
  readonly name: string
  /** What it speaks inside an interception. */
  readonly version: '1.1' | '2'
  readonly words: readonly string[]
  /** What this machine lacks for it. */
  readonly missing?: string | null
  /** Words behind the addresses. */
  readonly more?: readonly string[]
}

/** Of each request inside an interception, the id of the tunnel that it came through. */
const tunnelsSince = (earlier: number) =>
  gateway.installation
    .records()
    .slice(earlier)
    .filter(({ type, door }) => type === 'decided' && door === 'intercept')
    .map(({ parent }) => parent)

const python = await pythonWith('requests', 'httpx', 'h2', 'aiohttp')
const go = await goProgram()
const older = await node20()
const bun = await nodeClient('bun')
const deno = await nodeClient('deno')
const script = (name: string) => [python.program, '-B', clientFile(name)]
const clients: readonly Client[] = [
  { name: 'curl, in HTTP/1.1,', version: '1.1', words: ['sh', clientFile('curl.sh')], more: ['--http1.1'] },
  { name: 'curl, in HTTP/2,', version: '2', words: ['sh', clientFile('curl.sh')], more: ['--http2'] },
  { name: 'Node 24’s fetch', version: '1.1', words: [process.execPath, '--no-warnings', clientFile('fetch.mjs')] },
  { name: 'Node 24’s https', version: '1.1', words: [process.execPath, '--no-warnings', clientFile('node-http.mjs')] },
  { name: 'Node 20’s fetch', version: '1.1', words: [older.program, clientFile('fetch.mjs')], missing: older.missing },
  { name: 'Bun’s fetch', version: '1.1', words: [bun.program, 'run', clientFile('fetch.mjs')], missing: bun.missing },
  { name: 'Deno’s fetch', version: '1.1', words: [deno.program, 'run', '-A', clientFile('fetch.mjs')], missing: deno.missing },
  { name: 'Node 20’s https', version: '1.1', words: [older.program, clientFile('node-http.mjs')], missing: older.missing },
  { name: 'Python’s requests', version: '1.1', words: script('requests_session.py'), missing: python.missing },
  { name: 'Python’s httpx', version: '2', words: script('httpx_client.py'), missing: python.missing },
  { name: 'Python’s aiohttp', version: '1.1', words: script('aiohttp_client.py'), missing: python.missing },
  { name: 'Go’s net/http', version: '2', words: [go.program, 'run', clientFile('client.go')], missing: go.missing },
]

for (const { name, version, words, missing = null, more = [] } of clients) {
  test(`${name} passes whole where it is allowed, on kept connections, and reads why it is denied`, unless(missing), async () => {
    const { https, http, env, installation } = gateway
    const cwd = mkdtempSync(join(installation.folder, 'client-'))
    const earlier = installation.records().length
    const [program = '', ...args] = [...words, https, http, https.replace('api', 'other'), body, ...more]

    const { stdout, stderr } = await command(program, args, { env, cwd })

    assert.deepEqual(
      stdout.trimEnd().split('\n'),
      [
        `hello 200 ${version}`,
        `hello 200 ${version}`,
        `${largeSum} 200 ${version}`,
        `${largeSum} 200 ${version}`,
        `policy-denied 403 ${version}`,
        `policy-denied 403 ${version}`,
        'hello 200 1.1',
        'policy-denied 403 1.1',
        // Of another host, to which no tunnel leads.
        `policy-denied 403 ${version}`,
      ],
      stderr,
    )
    const tunnels = tunnelsSince(earlier)
    // Five requests; Node’s fetch takes a second connection where the first one has just been used.
    assert.equal(tunnels.length >= 5 && new Set(tunnels.slice(0, 5)).size <= 2, true, tunnels.join())
  })
}

test('grpc-js calls through one connection, and a denial is a status that says why', async () => {
  const { https, env, installation } = gateway
  const earlier = installation.records().length
  const calls = ['/test.Echo/Say=2', '/test.Echo/Say=3000000', '/test.Other/Say=2']
  const { stdout, stderr } = await command(process.execPath, [clientFile('grpc.mjs'), new URL(https).host, ...calls], { env })
  assert.match(stdout, /^OK 2\nOK 3000000\nPERMISSION_DENIED .*policy-denied.*\n$/, stderr)
  const tunnels = tunnelsSince(earlier)
  assert.deepEqual(tunnels, Array(3).fill(tunnels[0]))
})
