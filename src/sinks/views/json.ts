/** Records as they are stored: their hashes are the log's. */
import type { View } from './view.ts'

export const jsonView: View = {
  record: (record) => record,
  checkpoint: ({ size, note, time }, { origin }) => ({ type: 'checkpoint', time, origin, size, note }),
}
