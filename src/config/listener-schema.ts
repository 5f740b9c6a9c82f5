/** The schema of one listener of sallyport.yaml, and who may open its socket. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { besides } from './endpoints.ts'
import { hostAndPort, name } from './quantities.ts'
import type { Sourced } from './sourced-schema.ts'

/** Owner, group and others each may connect (which needs to read and write) or not; the gateway itself may. */
const modes = /^0?6[06]{2}$/

export function listenerSchema({ socket }: Pick<Sourced, 'socket'>) {
  return z
    .strictObject({
      name: name().describe('For messages and records.'),
      address: hostAndPort().describe('TCP address to listen on.').optional(),
      socket: socket('Unix socket to listen on, instead of an address.').optional(),
      mode: z
        .string('expected a mode in quotes, such as "0660"')
        .meta({ title: 'mode' })
        .regex(modes, 'expected a mode such as "0660": 6 (may connect) or 0 for owner, group and others')
        .describe('Who may connect to the socket, in octal and in quotes. Default `0660`: owner and group.')
        .optional(),
      group: z
        .union(
          [
            z.string().min(1),
            z
              .int()
              .min(0)
              .max(2 ** 32 - 2),
          ],
          'expected the name of a group, or its number',
        )
        .meta({ title: 'group' })
        .describe('The group that the socket belongs to, by name (of /etc/group) or number; the gateway’s own where absent.')
        .transform((given, context) => {
          const gid = typeof given === 'number' ? given : groupOf(given)
          if (gid !== null) return gid
          context.addIssue({ code: 'custom', message: `/etc/group knows no group "${given}"; give its number` })
          return z.NEVER
        })
        .optional(),
      integration: name()
        .describe('Every caller that connects here is this integration; without it callers need a proxy token.')
        .optional(),
      doors: z
        .array(z.enum(['proxy', 'services', 'broker']))
        .min(1)
        .describe('What is served: `proxy` (absolute-form and CONNECT), `services`, `broker`.')
        .prefault(['proxy', 'services', 'broker']),
    })
    .refine((listener) => (listener.address === undefined) !== (listener.socket === undefined), {
      error: 'expected either an address or a socket',
      ...besides,
    })
    .refine((listener) => listener.socket !== undefined || (listener.mode === undefined && listener.group === undefined), {
      error: 'mode and group are those of a socket: an address has none',
      ...besides,
    })
}

/** Octal text → bits. */
export function modeOf(text: string): number {
  return Number.parseInt(text, 8)
}

/** group(5); `null` where no group has that name. */
function groupOf(wanted: string): number | null {
  if (/^\d+$/.test(wanted)) return Number(wanted)
  try {
    for (const line of readFileSync('/etc/group', 'utf8').split('\n')) {
      const [group, , gid = ''] = line.split(':')
      if (group === wanted && /^\d+$/.test(gid)) return Number(gid)
    }
  } catch {
    // Nothing to look it up in.
  }
  return null
}
