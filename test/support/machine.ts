/** A machine that is not the developer's: a root of its own in a mount namespace, with what is put there and nothing else. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { eventually } from './eventually.ts'
import { root } from './installation.ts'

/** Nothing on this machine has this user id: no name, no home. */
const strangerId = 54321

export interface MachineOptions {
  /** Below /etc/sallyport, which is read-only. */
  readonly files?: Readonly<Record<string, string>>
  /** Folder or file of this machine → where it is on that one, read-only. */
  readonly mounts?: Readonly<Record<string, string>>
  /** Programs of this machine that are on its PATH, by name. */
  readonly programs?: Readonly<Record<string, string>>
  /** The Sallyport that lies at /opt/sallyport. */
  readonly checkout?: string
  /** `checkout`, /tmp and /home/newcomer, which is there then, can be written, and nothing else. */
  readonly isWritable?: boolean
  /** A network of its own, with nothing but a loopback device. */
  readonly isOffline?: boolean
}

export interface Machine {
  /** What lies at /var/lib/sallyport, which can be written. */
  readonly stateFolder: string
  /** The words that run `line` there in a shell, as a user without a name, with `env` and no other variables. */
  command(line: string, env?: Readonly<Record<string, string>>): readonly string[]
  spawn(line: string, env?: Readonly<Record<string, string>>): ChildProcess
  /** Every process of it, by this machine's ids. */
  processes(): readonly number[]
}

/** Removed when the test ends, however it ends, with all that runs there; what runs there ends with this process as well. */
export function createMachine(t: TestContext, options: MachineOptions = {}): Machine {
  const { files = {}, mounts = {}, programs = {}, checkout = root, isWritable = false, isOffline = false } = options
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-machine-'))
  const processes = () => processesIn(basename(folder))
  t.after(async () => {
    for (const id of processes()) killProcess(id)
    await eventually('every process of the machine is gone', () => processes().length === 0)
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  })
  const [place, etc, stateFolder, home] = ['root', 'etc', 'state', 'home'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ]
  for (const folder of [place, etc, stateFolder, home]) mkdirSync(folder)
  for (const folder of [stateFolder, home]) {
    chownSync(folder, strangerId, strangerId)
    chmodSync(folder, 0o700)
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(etc, name)), { recursive: true })
    writeFileSync(join(etc, name), text)
  }
  const script = join(folder, 'enter.sh')
  const readOnly = { [etc]: '/etc/sallyport', ...mounts, ...(!isWritable && { [checkout]: '/opt/sallyport' }) }
  const writable = { [stateFolder]: '/var/lib/sallyport', ...(isWritable && { [checkout]: '/opt/sallyport', [home]: '/home/newcomer' }) }
  writeFileSync(script, scriptOf(place, readOnly, writable, programs, isWritable, isOffline))
  const command: Machine['command'] = (line, env = {}) => [
    // The kernel ends every process of a namespace with its first one, that one with `unshare`, and `unshare` with this process.
    ...['setpriv', '--pdeathsig', 'KILL', 'unshare', '--pid', '--fork', '--kill-child'],
    ...['--mount', '--propagation', 'private', ...(isOffline ? ['--net'] : []), 'sh', script],
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...['sh', '-c', line],
  ]
  return {
    stateFolder,
    command,
    processes,
    spawn(line, env) {
      const [name = '', ...words] = command(line, env)
      return spawn(name, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    },
  }
}

/** Asks what `spawn` was given to run to end; `unshare` and the namespace's first process, a shell, would not pass it on. */
export function terminate({ pid = 0 }: ChildProcess): void {
  for (const shell of childrenOf(pid)) for (const program of childrenOf(shell)) process.kill(program, 'SIGTERM')
}

function childrenOf(id: number): readonly number[] {
  return readFileSync(`/proc/${id}/task/${id}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

/** Those that see something of this folder mounted. */
function processesIn(name: string): readonly number[] {
  return readdirSync('/proc')
    .filter((id) => /^\d+$/.test(id))
    .filter((id) => {
      try {
        return readFileSync(`/proc/${id}/mountinfo`, 'utf8').includes(name)
      } catch {
        // It has ended.
        return false
      }
    })
    .map(Number)
}

function killProcess(id: number): void {
  try {
    process.kill(id, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

/** Why this machine cannot make one; `null` where it can. */
export function whyNoMachine(): string | null {
  if (process.getuid?.() !== 0) return 'only root can make a machine of its own'
  try {
    execFileSync(
      'unshare',
      [
        '--pid',
        '--fork',
        '--mount',
        '--net',
        '--propagation',
        'private',
        'sh',
        '-c',
        'mount -t tmpfs tmpfs /mnt && mount -t proc proc /proc',
      ],
      { stdio: 'pipe' },
    )
    return null
  } catch (error) {
    return `no mount or network namespace can be made: ${(error as Error).message}`
  }
}

/** What a newcomer has: a Node.js before 24 with its npm, and how a machine gets it. `null` where this machine has none. */
export function oldNode(): Required<Pick<MachineOptions, 'mounts' | 'programs'>> | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (!existsSync(join(folder, 'node')) || !existsSync(join(folder, 'npm')) || realpathSync(join(folder, 'node')).startsWith(root))
      continue
    const version = execFileSync(join(folder, 'node'), ['--version'], { encoding: 'utf8' }).trim()
    if (Number.parseInt(version.slice(1), 10) >= 24) continue
    const prefix = dirname(folder)
    const programs = Object.fromEntries(['node', 'npm', 'npx'].map((name) => [name, join(folder, name)]))
    // /usr is on every machine.
    return { mounts: prefix === '/usr' || prefix.startsWith('/usr/') || prefix === '/' ? {} : { [prefix]: prefix }, programs }
  }
  return null
}

type Places = Readonly<Record<string, string>>

/** Runs as root in the new namespace, what it is given as the stranger in the new root. */
function scriptOf(place: string, readOnly: Places, writable: Places, programs: Places, isWritable: boolean, isOffline: boolean): string {
  const bind = ([from, to]: readonly [string, string]) => {
    const at = quoted(`${place}${to}`)
    const make = !statSync(from).isDirectory() ? `mkdir -p "$(dirname ${at})"; : > ${at}` : `mkdir -p ${at}`
    return `${make}; mount --rbind ${quoted(from)} ${at}`
  }
  const at = quoted(place)
  return `set -eu
# Users' PATHs often lack where chroot and ip are.
PATH="$PATH:/usr/sbin:/sbin"
mount -t tmpfs -o size=64m,mode=755 tmpfs ${at}
for name in usr bin sbin lib lib64; do
  [ -e "/$name" ] || continue
  if [ -L "/$name" ]; then cp -P "/$name" ${at}/; else mkdir ${at}/$name; mount --rbind "/$name" ${at}/$name; fi
done
mkdir -p ${at}/dev ${at}/proc ${at}/tmp ${at}/etc ${at}/opt/bin
for name in null zero urandom; do : > ${at}/dev/$name; mount --bind /dev/$name ${at}/dev/$name; done
mount -t proc proc ${at}/proc
echo 'root:x:0:0::/root:/bin/sh' > ${at}/etc/passwd
echo 'root:x:0:' > ${at}/etc/group
printf '127.0.0.1 localhost\\n::1 localhost\\n' > ${at}/etc/hosts
[ ! -d /etc/ssl ] || { mkdir ${at}/etc/ssl; mount --rbind /etc/ssl ${at}/etc/ssl; }
for name in sh env sleep cat kill; do ln -s "$(command -v $name || echo /bin/$name)" ${at}/opt/bin/; done
${Object.entries(programs)
  .map(([name, path]) => `ln -s ${quoted(path)} ${at}/opt/bin/${name}`)
  .join('\n')}
${[...Object.entries(readOnly), ...Object.entries(writable)].map(bind).join('\n')}
${isWritable ? `mount -t tmpfs -o size=256m,mode=1777 tmpfs ${at}/tmp` : ''}
${isOffline ? '' : `cp /etc/resolv.conf ${at}/etc/ 2>/dev/null || true`}
${isOffline ? '' : `grep -v localhost /etc/hosts >> ${at}/etc/hosts || true`}
${Object.values(readOnly)
  .map((to) => `mount -o remount,bind,ro ${quoted(`${place}${to}`)}`)
  .join('\n')}
mount -o remount,bind,ro ${at}/usr
mount -o remount,bind,ro ${at}
${isOffline ? loopbackUp : ''}
cd /
# Not exec: who becomes another user no longer hears that its parent died (PR_SET_PDEATHSIG).
chroot --userspec=${strangerId}:${strangerId} --groups= ${at} /usr/bin/env -i PATH=/opt/bin "$@"
`
}

/** `ip` is not everywhere: SIOCSIFFLAGS by hand (netdevice(7)). */
const loopbackUp = `ip link set lo up 2>/dev/null || python3 -c 'import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 1))'`

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
