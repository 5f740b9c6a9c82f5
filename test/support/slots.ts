/** Whether `limits.concurrency` is free again. */
import { join } from 'node:path'
import { askGateway } from '../../src/cli/admin-client.ts'
import type { Installation } from './installation.ts'

/** Of the only integration. */
export async function everySlotIsFree({ folder }: Installation): Promise<boolean> {
  const { body } = await askGateway(join(folder, 'state/admin.sock'), 'GET', '/v1/usage')
  const [, capacity, level] = /"bucket":"concurrency"[^}]*"capacity":(\d+)[^}]*"level":(\d+)/.exec(JSON.stringify(body)) ?? []
  return capacity !== undefined && capacity === level
}
