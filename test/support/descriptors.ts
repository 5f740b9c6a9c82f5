/** What a process of this machine has open (Linux), for the message of a test that finds too much. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export function countDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** `count × what`, most first: sockets by their two ports and state, the rest by what they lead to. */
export function describeDescriptors(pid: number): string {
  const sockets = socketsOf(pid)
  const counts = new Map<string, number>()
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const to = targetOf(`/proc/${pid}/fd/${fd}`)
    const what = sockets.get(to) ?? to
    counts.set(what, (counts.get(what) ?? 0) + 1)
  }
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([what, count]) => `${count} × ${what}`)
    .join('\n')
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return 'closed meanwhile'
  }
}

/** The kernel's numbers (include/net/tcp_states.h). */
const states: Readonly<Record<string, string>> = {
  '01': 'established',
  '04': 'fin-wait',
  '05': 'fin-wait-2',
  '08': 'close-wait',
  '0A': 'listening',
}

/** By what the descriptor leads to. Of a connection that was accepted, the caller's port says nothing: there are as many as callers. */
function socketsOf(pid: number): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const lines = ['tcp', 'tcp6'].flatMap((name) => readFileSync(`/proc/${pid}/net/${name}`, 'utf8').split('\n').slice(1, -1))
  const rows = lines.map((line) => line.trim().split(/\s+/))
  const listening = new Set(rows.filter(([, , , state]) => state === '0A').map(([, local]) => portOf(local)))
  for (const [, local, remote, state, , , , , , inode] of rows) {
    const isCallers = listening.has(portOf(local)) && !listening.has(portOf(remote))
    const where = isCallers ? `caller of ${portOf(local)}` : `connection to ${portOf(remote)}`
    found.set(`socket:[${inode}]`, `${where}, ${states[state ?? ''] ?? state}`)
  }
  return found
}

function portOf(address = ''): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16)
}
