/** A network of the test's own: public, private and metadata addresses on its loopback device, a resolver's address, and no way out. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

/** Where resolv.conf says that a name server is; a test starts it. */
export const nameServer = '10.20.30.53'

const addresses = [
  ['8.8.8.8/32', '8.8.4.4/32', '2606:4700::1111/128', '2606:4700::2222/128'],
  [`${nameServer}/32`, '10.20.30.40/32', '10.20.30.41/32', '192.168.1.1/32', '100.64.0.1/32', 'fd00::1/128', '64:ff9b::808:808/128'],
  ['169.254.169.254/32', '168.63.129.16/32', 'fd00:ec2::254/128'],
].flat()

const resolvConf = `nameserver ${nameServer}\nsearch corp.example\noptions ndots:5\n`
const hosts = '127.0.0.1 localhost\n8.8.8.8 hosted.example hosted\n10.20.30.40 hosted-inside.example\n'
const isInside = 'SALLYPORT_TEST_NETWORK'
/** Users' PATHs often lack where `ip` is. */
const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }

/**
 * node:test's `test`, for a file whose tests run in such a network: the file is run once more in there, and what that run
 * reports is what this one reports. Where no namespace can be made, that is a failure in CI, and a printed reason elsewhere.
 */
export function networkTest(file: string): typeof test {
  if (process.env[isInside] === '1') return test
  const enter = process.getuid?.() === 0 ? ['--net', '--mount'] : ['--user', '--map-root-user', '--net', '--mount']
  const probe = spawnSync('unshare', [...enter, 'ip', 'link', 'set', 'lo', 'up'], { encoding: 'utf8', env })
  if (probe.status !== 0) {
    const reason = `no network namespace can be made here (unshare, ip): ${probe.error?.message ?? probe.stderr.trim()}`
    if (process.env['CI'] === 'true') throw new Error(reason)
    console.error(reason)
    return ((name: string) => test(name, { skip: reason })) as typeof test
  }
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-network-'))
  writeFileSync(join(folder, 'resolv.conf'), resolvConf)
  writeFileSync(join(folder, 'hosts'), hosts)
  const script = [
    'set -e',
    'ip link set lo up',
    ...addresses.map((address) => `ip addr add ${address} dev lo${address.includes(':') ? ' nodad' : ''}`),
    `mount --bind ${join(folder, 'resolv.conf')} /etc/resolv.conf`,
    `mount --bind ${join(folder, 'hosts')} /etc/hosts`,
    'exec "$@"',
  ].join('\n')
  const inner = [process.execPath, ...process.execArgv, file]
  // What runs in there ends with this process.
  const { status } = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...enter, 'sh', '-c', script, 'sh', ...inner], {
    stdio: 'inherit',
    env: { ...env, [isInside]: '1' },
  })
  rmSync(folder, { recursive: true, force: true })
  process.exit(status ?? 1)
}
