/** `startRecording` in a process of its own, to be killed: says its port, and ends in order when its standard input does. Arguments: the state folder, the size of a segment. */
import { startRecording } from './recording-server.ts'

const [stateFolder = '', maxSegmentBytes = ''] = process.argv.slice(2)
const { port, close } = await startRecording({
  stateFolder,
  maxSegmentBytes: Number(maxSegmentBytes),
  // Some turns, so that the record is before, on its way and on disk when the answer comes.
  async perform() {
    for (let turns = Math.floor(Math.random() * 6); turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve))
  },
})
// Also where the one that started it was killed.
process.stdin.on('end', close).resume()
console.log(port)
