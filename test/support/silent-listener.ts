/** An address that answers nobody: its port is open and its queue is full, so that the kernel drops whatever else knocks. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { endingWithUs } from './children.ts'
import { connect } from './sockets.ts'

/** Queue of connections that nobody accepts; Linux takes one more than it is told. */
const backlog = 1

const listener = `
const server = require('node:net').createServer()
server.listen({ host: process.argv[1], port: Number(process.argv[2]), backlog: ${backlog} }, () => {
  require('node:fs').writeSync(1, String(server.address().port) + '\\n')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})`

/** Gives the port. A dial to it neither succeeds nor fails, until the test ends. */
export async function startSilentListener(t: TestContext, host = '127.0.0.1', port = 0): Promise<number> {
  const [program, ...words] = endingWithUs(process.execPath, '-e', listener, host, String(port))
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => void child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const bound = Number(line.toString())
  for (let i = 0; i <= backlog; i += 1) {
    const socket = connect(bound, host)
    t.after(() => void socket.destroy())
    await once(socket, 'connect')
  }
  return bound
}
