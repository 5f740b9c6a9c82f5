/** Loaded into a gateway's process (`--import`): at SIGWINCH it says on standard error what it holds once all garbage is collected. */
import { isMainThread } from 'node:worker_threads'
import { usedBytes } from './used-bytes.ts'

export const memoryLine = /^held (\d+) bytes$/gm

if (isMainThread) process.on('SIGWINCH', () => void usedBytes().then((bytes) => process.stderr.write(`held ${bytes} bytes\n`)))
