/** Verifies, proves and copies the log of `workerData.folder` again and again until it is told to stop, and says what was wrong. */
import { rmSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { exportLog, openProver, verifyAudit } from '../../src/proof/index.ts'

const { folder } = workerData as { readonly folder: string }
const wrong: string[] = []
let isStopped = false
parentPort?.on('message', () => {
  isStopped = true
})
const attempt = async (what: string, act: () => unknown) => {
  try {
    await act()
  } catch (error) {
    wrong.push(`${what}: ${(error as Error).stack}`)
  }
}

do {
  await attempt('verify', async () => {
    const { findings } = await verifyAudit(folder)
    if (findings.length > 0) wrong.push(JSON.stringify(findings.slice(0, 3)))
  })
  await attempt('prove', () => {
    const prover = openProver(folder)
    const { size } = prover.checkpoint
    if (size > 0) for (const index of [0, Math.floor(size / 2), size - 1]) prover.prove(index)
    prover.close()
  })
  await attempt('export', () => {
    rmSync(`${folder}-copy`, { recursive: true, force: true })
    exportLog(folder, `${folder}-copy`)
  })
  await setImmediate()
} while (!isStopped)
parentPort?.postMessage(wrong)
parentPort?.close()
