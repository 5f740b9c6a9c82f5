/**
 * Lines of the operational log on a descriptor. Where it cannot be written (its disk is full, its reader is stuck or gone), lines
 * are lost: the gateway neither waits, nor grows, nor ends for that. pino's own destination does all three.
 */
import { write, writeSync } from 'node:fs'

export interface LineWriter {
  /** `line` ends in a newline. Never throws. */
  write(line: string): void
  /** What waits, as far as it can be written at once: for the end of the process. Never throws. */
  flush(): void
}

export interface LineWriterOptions {
  readonly fd: number
  /** Of lines that wait to be written, in UTF-16 code units; what comes beyond is lost. */
  readonly maxWaiting?: number
  readonly writeSome?: (fd: number, bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void) => void
}

interface Batch {
  readonly bytes: Buffer
  readonly lines: number
  /** How many lost lines this line reports. */
  readonly reportedLosses: number
}

const busyMs = 100

/** Lost lines are counted in a separate line, once lines can be written again. */
export function createLineWriter({ fd, maxWaiting = 1024 * 1024, writeSome = write }: LineWriterOptions): LineWriter {
  let waiting: string[] = []
  let waitingLength = 0
  let isWriting = false
  let lost = 0

  function next(): void {
    if (isWriting || waiting.length === 0) return
    isWriting = true
    send(take())
  }

  function take(): Batch {
    const lines = lost === 0 ? waiting : [lostLine(lost), ...waiting]
    const batch = { bytes: Buffer.from(lines.join('')), lines: waiting.length, reportedLosses: lost }
    waiting = []
    waitingLength = 0
    return batch
  }

  function send({ bytes, lines, reportedLosses }: Batch): void {
    writeSome(fd, bytes, (error, written) => {
      if (error?.code === 'EAGAIN' || error?.code === 'EINTR') {
        setTimeout(send, busyMs, { bytes, lines, reportedLosses }).unref()
        return
      }
      if (error === null && written < bytes.byteLength) return send({ bytes: bytes.subarray(written), lines, reportedLosses })
      isWriting = false
      if (error === null) {
        lost -= reportedLosses
        next()
      } // A full disk stays full for a while: the next line tries again, and not what waits.
      else lost += lines
    })
  }

  return {
    write(line) {
      if (waitingLength + line.length > maxWaiting) {
        lost += 1
        return
      }
      waiting.push(line)
      waitingLength += line.length
      next()
    },
    flush() {
      if (waiting.length === 0) return
      try {
        writeSync(fd, take().bytes)
      } catch {
        // There is nowhere left to report it.
      }
    },
  }
}

function lostLine(lines: number): string {
  return `${JSON.stringify({ level: 'error', time: new Date().toISOString(), lines, msg: 'lines of this log could not be written and are lost' })}\n`
}
