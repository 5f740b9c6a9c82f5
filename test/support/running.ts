/** Whether other processes are there (Linux). */
import { readFileSync } from 'node:fs'

/** A zombie runs no more: its new parent has not asked for it yet. */
export function isRunning(id: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${id}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Id of the process that `parent` started with this in its command line; `null` where there is none. */
export function childRunning(parent: number, word: string): number | null {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  return children.find((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes(word)) ?? null
}
