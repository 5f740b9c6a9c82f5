/** Lets everything of a log go into an archive, and is killed before its `step`th change of a file; prints `done` where there are fewer. */
import { bundleFiles } from '../../src/audit/retention/remove-bundles.ts'
import { recordPruned, retentionOf } from './kept-log.ts'

const [, , folder = '', archive = '', step = ''] = process.argv
let left = Number(step)

function orDie(): void {
  left -= 1
  if (left === 0) process.kill(process.pid, 'SIGKILL')
}

const retention = retentionOf(folder, {
  async record(pruned) {
    orDie()
    recordPruned(folder, pruned)
  },
  files: {
    read: bundleFiles.read,
    async write(path, bytes) {
      orDie()
      await bundleFiles.write(path, bytes)
    },
    async remove(path) {
      orDie()
      await bundleFiles.remove(path)
    },
  },
})
await retention.archive({ below: 2 * 256 }, archive, 'by hand')
console.log('done')
