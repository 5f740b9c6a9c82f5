/**
 * The README's first two minutes on a machine that has Node.js 20, npm and curl, and nothing else: no Go, no cache, a user
 * without a name, an empty home (npm itself needs one), nothing that can be written but the checkout, that home and /tmp.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, lchownSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { command } from '../support/command.ts'
import { createFolder } from '../support/folder.ts'
import { root } from '../support/installation.ts'
import { createMachine, oldNode, whyNoMachine } from '../support/machine.ts'

const old = oldNode()
const why = whyNoMachine() ?? (old === null ? 'this machine has no Node.js before 24 beside ours' : null)
const unless = process.env['CI'] === 'true' || why === null ? {} : { skip: why }

/** What a clone holds. */
function copyOfCheckout(folder: string): void {
  const left = ['node_modules', '.git', '.cache', 'state', 'rego/compiler/built']
  cpSync(root, folder, { recursive: true, filter: (path) => !left.includes(relative(root, path)) })
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) lchownSync(join(folder, name), 54321, 54321)
  lchownSync(folder, 54321, 54321)
}

/** How this machine reaches the registry. */
function registrySettings(): Record<string, string> {
  const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim()
  const found = Object.entries(process.env).filter(([name, value]) => /proxy$|^NODE_EXTRA_CA_CERTS$/i.test(name) && value !== undefined)
  return { ...(Object.fromEntries(found) as Record<string, string>), npm_config_registry: registry, npm_config_update_notifier: 'false' }
}

test('npm ci and npm start say nothing but what the README shows, and its lines give what it says', unless, async (t) => {
  assert.ok(old !== null, why ?? '')
  const checkout = createFolder(t)
  copyOfCheckout(checkout)
  const { mounts } = old
  const programs = { ...old.programs, curl: '/usr/bin/curl' }
  const env = { HOME: '/home/newcomer' }

  const online = createMachine(t, { checkout, mounts, programs, isWritable: true })
  const [npm = '', ...words] = online.command('cd /opt/sallyport && exec npm ci', { ...env, ...registrySettings() })
  const installed = await command(npm, words)
  if (installed.code !== 0 && /ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT/.test(installed.stderr) && process.env['CI'] !== 'true')
    return t.skip('the npm registry cannot be reached from here')
  assert.equal(installed.code, 0, installed.stderr)
  assert.equal(installed.stderr, '')
  assert.match(installed.stdout, /^added \d+ packages/m)

  const readme = readFileSync(join(root, 'README.md'), 'utf8').split('\n')
  const lines = readme.filter((line) => /^ {4}(?:curl|npx) /.test(line)).map((line) => line.trim().replace(/^curl /, 'curl -sS '))
  assert.equal(lines.length, 7)
  // It goes on until it is interrupted.
  const ending = (line: string) =>
    line.includes(' dashboard ') ? `{ ${line} --no-open & page=$!; sleep 4; kill $page; wait $page; }` : line
  // A network with nothing but a loopback device, so that the quick start's ports are free.
  const offline = createMachine(t, { checkout, mounts, programs, isWritable: true, isOffline: true })
  const script = [
    'cd /opt/sallyport',
    ': > /tmp/start',
    'npm start > /tmp/start 2> /tmp/errors & gateway=$!',
    'until case "$(cat /tmp/start)" in *"Ctrl-C ends it"*) true;; *) false;; esac; do kill -0 $gateway || break; sleep 0.1; done',
    ...lines.map((line) => `echo "=== "; ${ending(line)} 2>&1`),
    'kill $gateway; wait $gateway; echo "=== $?"; cat /tmp/errors',
  ]
  const [name = '', ...rest] = offline.command(script.join('\n'), env)
  const { stdout, stderr } = await command(name, rest)
  const [start = '', allowed = '', denied = '', limited = '', tail = '', verify = '', usage = '', dashboard = '', end = ''] =
    stdout.split(/^=== /m)
  assert.equal(start, '')
  assert.match(stderr, /^(?:Terminated\n)?$/)
  assert.equal(JSON.parse(allowed).tomorrow, 'rain')
  assert.deepEqual([JSON.parse(denied).status, JSON.parse(denied).rule], [403, 'default/deny'])
  assert.match(limited, /HTTP\/1\.1 200 .*HTTP\/1\.1 429 .*retry-after: \d+/is)
  assert.match(tail, /weather.*\/v1\/forecast/)
  assert.match(verify, /^OK: \d+ records/m)
  assert.match(usage, /^weather\n.*1 allowed, 1 denied/ms)
  assert.match(dashboard, /^http:\/\/127\.0\.0\.1:\d+\/dashboard\/#once=\S+$/m)
  assert.match(end, /^(?:0|143)\n$/, 'nothing on standard error')
})
