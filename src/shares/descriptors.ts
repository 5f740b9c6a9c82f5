/** The last of the process's descriptors are for the gateway itself: the log, folders that are watched and read, its own sockets. */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { devNull } from 'node:os'
import { createFairMemory } from './fair-memory.ts'

/** For the gateway itself; a quarter where there are only few. */
const reservedDescriptors = 128
/** Of each of the operator's servers, which two or three of them have out of what is reserved. */
const operatorPart = 1 / 4
const maxOperator = 256

export interface Descriptors {
  /** Callers' connections have so many; as many again are for what they lead to. `null` where the system does not say. */
  readonly forCallers: number | null
  /** Connections of each of the operator's servers. */
  readonly forOperator: number
  /** Whether one more connection of a caller leaves enough for what its requests lead to. */
  mayAccept(): boolean
  /** Whether one more connection to an origin leaves what is reserved. */
  mayDial(): boolean
  /** For one more connection of `owner` to an origin; `false`: it has its share already. Each that was taken is given back once. */
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
    // What leads to origins has a part of its own, and keeps no caller out.
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

/** POSIX gives the lowest number that is free: what lies below it is in use. Two system calls, some 3 µs. */
function lowestFree(): number {
  try {
    const descriptor = openSync(devNull, 'r')
    closeSync(descriptor)
    return descriptor
  } catch (error) {
    // Anything else (no such device here) says nothing of how many there are.
    const { code } = error as NodeJS.ErrnoException
    return code === 'EMFILE' || code === 'ENFILE' ? Number.POSITIVE_INFINITY : 0
  }
}
