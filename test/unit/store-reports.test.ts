/** What is said in the operator's log of the store of watching. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStoreReports } from '../../src/gateway/store-reports.ts'
import type { Logger } from '../../src/telemetry/index.ts'
import { eachCase } from '../support/cases.ts'

function arrange() {
  const lines: string[] = []
  const line = (level: string) => (facts: { problem?: string; baselines?: number } | string) =>
    lines.push(typeof facts === 'string' ? `${level} ${facts}` : `${level} ${facts.problem ?? facts.baselines}`)
  const report = createStoreReports({ warn: line('warn'), info: line('info') } as unknown as Logger)
  const status = (problem: string | null, unreadable: number) =>
    report({
      store: { kept: 'file', problem, since: 0 },
      learned: { integrations: 1, hours: 0, restored: unreadable, unreadable },
    })
  return { lines, status }
}

test('a problem of the store is said once, and its end', () => {
  const { lines, status } = arrange()
  status(null, 0)
  status('disk is full', 0)
  status('disk is full', 0)
  status(null, 0)
  assert.deepEqual(lines, ['warn disk is full', 'info the store of watching is written again'])
})

test('baselines that cannot be read are said when there are any, and each time that there are twice as many', () => {
  const { lines, status } = arrange()
  eachCase([0, 1, 1, 2, 3, 4, 7], (unreadable) => status(null, unreadable))
  assert.deepEqual(lines, ['warn 1', 'warn 2', 'warn 4'])
})

test('baselines that cannot be read are said again by a process that was started again', () => {
  const { lines, status } = arrange()
  status(null, 5)
  status(null, 0)
  status(null, 5)
  assert.deepEqual(lines, ['warn 5', 'warn 5'])
})
