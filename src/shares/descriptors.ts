/** Shares out the process's descriptors: some are reserved for the gateway itself (the log, folders that it watches and reads, its sockets). */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { devNull } from 'node:os'
import { createFairMemory } from './fair-memory.ts'

/** Reserved for the gateway itself; a quarter where the process may have only few. */
const reservedDescriptors = 128
/** The part of the reserved descriptors that each of the operator's two or three servers may use. */
const operatorPart = 1 / 4
const maxOperator = 256

export interface Descriptors {
  /** How many connections of callers there may be; as many again may lead to origins. `null` where the system does not say. */
  readonly forCallers: number | null
  /** How many connections each of the operator's servers may have. */
  readonly forOperator: number
  /** Whether one more connection of a caller leaves enough for connections to origins. */
  mayAccept(): boolean
  /** Whether one more connection to an origin leaves the reserved descriptors free. */
  mayDial(): boolean
  /** Takes a descriptor for a connection of `owner` to an origin; `false`: it has its share already. Give each one back, once. */
  takeDial(owner: string): boolean
  giveDial(owner: string): void
}

/** `limit`: of the whole process. */
export function createDescriptors(limit: number | null = descriptorLimit()): Descriptors {
  if (limit === null)
    return {
      forCallers: null,
      forOperator: maxOperator,
      mayAccept: () => true,
      mayDial: () => true,
      takeDial: () => true,
      giveDial: () => {},
    }
  const reserved = Math.min(reservedDescriptors, Math.floor(limit / 4))
  const forConnections = limit - reserved
  const forCallers = Math.floor(forConnections / 2)
  const forOperator = Math.max(2, Math.floor(reserved * operatorPart))
  const dials = createFairMemory(forConnections - forCallers)
  let dialled = 0
  return {
    ...{ forCallers, forOperator },
    // Connections to origins have a part of their own, and keep no caller out.
    mayAccept: () => lowestFree() - dialled < forCallers,
    mayDial: () => lowestFree() < forConnections,
    takeDial(owner) {
      const isTaken = dials.take(owner, 1)
      if (isTaken) dialled += 1
      return isTaken
    },
    giveDial(owner) {
      dialled -= 1
      dials.give(owner, 1)
    },
  }
}

/** RLIMIT_NOFILE of this process; `null` where it is not known. Node raises the soft limit to the hard one when it starts. */
function descriptorLimit(): number | null {
  try {
    const soft = /^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? ''
    return /^\d+$/.test(soft) ? Number(soft) : null
  } catch {
    return null
  }
}

/** POSIX hands out the lowest free number, so all below it are in use. Two system calls, about 3 µs. */
function lowestFree(): number {
  try {
    const descriptor = openSync(devNull, 'r')
    closeSync(descriptor)
    return descriptor
  } catch (error) {
    // Any other error (such as a missing device) says nothing about how many are free.
    const { code } = error as NodeJS.ErrnoException
    return code === 'EMFILE' || code === 'ENFILE' ? Number.POSITIVE_INFINITY : 0
  }
}
