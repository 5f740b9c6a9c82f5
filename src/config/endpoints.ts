/** No two parts of the configuration may have the same name or listen on the same address. */
import type { z } from 'zod'
import { stateFolder } from './state-folder.ts'

type Place = { readonly path: readonly (string | number)[]; readonly address: unknown }

/** For checks that run beside other checks, so that all problems are reported at once: their values may be of any type. */
export const besides = { when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null }

type Refine = (value: unknown, context: z.core.$RefinementCtx) => void

/** Over a list of things with names. */
export const refuseTwins: Refine = (value, context) => {
  const seen = new Set<unknown>()
  for (const [index, item] of (Array.isArray(value) ? value : []).entries()) {
    const name = field(item, 'name')
    if (seen.has(name)) context.addIssue({ code: 'custom', path: [index, 'name'], message: `"${String(name)}" is there twice` })
    if (name !== undefined) seen.add(name)
  }
}

/** Over the whole configuration: listeners and the operator's side. */
export const refuseCollisions: Refine = (value, context) => {
  const places = placesOf(value)
  for (const [index, { path, address }] of places.entries()) {
    const earlier = places.slice(0, index).find((other) => collide(other.address, address))
    if (earlier === undefined) continue
    context.addIssue({ code: 'custom', path: [...path], message: `"${show(address)}" is taken by ${earlier.path.join('.')} already` })
  }
}

/** By default the operator's socket is in the state folder: a long path of the folder makes a long path of the socket. */
export const refuseLongSocket: Refine = (value, context) => {
  const state = field(value, 'state')
  if (typeof state !== 'string' || field(field(value, 'admin'), 'socket') !== undefined) return
  const problem = problemOfSocketPath(stateFolder(state).operatorSocket)
  if (problem !== null) context.addIssue({ code: 'custom', path: ['state'], message: `${problem}; give admin.socket a shorter path` })
}

/** Clients run as other users, which cannot enter the state folder (mode 0700). */
export const refuseHiddenTrust: Refine = (value, context) => {
  const state = field(value, 'state')
  const trust = field(value, 'trust')
  if (typeof state !== 'string' || typeof trust !== 'string' || !`${trust}/`.startsWith(`${state}/`)) return
  const message = `${trust} is in the state folder, which clients cannot enter: expected a folder outside ${state}`
  context.addIssue({ code: 'custom', path: ['trust'], message })
}

/** sun_path of unix(7) less its end. */
const maxSocketBytes = 107

/** `null`: it can be bound. A longer path would fail only at the bind, with EINVAL. */
export function problemOfSocketPath(path: string): string | null {
  const bytes = Buffer.byteLength(path)
  return bytes <= maxSocketBytes ? null : `a Unix socket's path may have ${maxSocketBytes} bytes, and ${path} has ${bytes}`
}

function placesOf(config: unknown): readonly Place[] {
  const admin = field(config, 'admin')
  const listeners = field(config, 'listeners')
  return [
    ...(Array.isArray(listeners) ? listeners : []).flatMap((listener, index) => [
      { path: ['listeners', index, 'address'], address: field(listener, 'address') },
      { path: ['listeners', index, 'socket'], address: field(listener, 'socket') },
    ]),
    { path: ['admin', 'health'], address: field(admin, 'health') },
    { path: ['admin', 'socket'], address: field(admin, 'socket') },
    { path: ['admin', 'tcp', 'address'], address: field(field(admin, 'tcp'), 'address') },
  ]
}

/** Port 0 is a new port each time; a wildcard address takes its port from every other address. */
function collide(own: unknown, other: unknown): boolean {
  if (typeof own === 'string') return own === other
  const port = field(own, 'port')
  if (typeof port !== 'number' || port === 0 || port !== field(other, 'port')) return false
  const hosts = [field(own, 'host'), field(other, 'host')]
  return hosts[0] === hosts[1] || hosts.includes('0.0.0.0') || hosts.includes('::')
}

function show(address: unknown): string {
  return typeof address === 'string' ? address : `${field(address, 'host')}:${field(address, 'port')}`
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined
}
