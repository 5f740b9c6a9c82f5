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
