/** Loaded into a gateway's process: a reply fails in the way that its request's `X-Fail` names, as a bug of the gateway or of a library would. */
import { ServerResponse } from 'node:http'

const { writeHead } = ServerResponse.prototype

function fail(): never {
  throw new TypeError('a bug')
}

const ways: Record<string, (res: ServerResponse) => void> = {
  'at once': fail,
  'in a timer': () => void setTimeout(fail, 1),
  'in the next tick': () => process.nextTick(fail),
  'in a later turn': () => void setImmediate(fail),
  'in a promise': () => void Promise.resolve().then(fail),
  'as the reply closes': (res) => void res.on('close', fail),
  'as the connection closes': ({ req: { socket } }) => {
    socket.prependListener('close', fail)
    socket.destroy()
  },
  'as an error that nobody listens for': ({ req: { socket } }) => {
    socket.removeAllListeners('error')
    socket.emit('error', new Error('a bug'))
  },
}

ServerResponse.prototype.writeHead = function (this: ServerResponse, ...head: unknown[]) {
  const way = this.req.headers['x-fail']
  // Once: the answer in its place is to leave.
  delete this.req.headers['x-fail']
  if (typeof way === 'string') ways[way]?.(this)
  return Reflect.apply(writeHead, this, head)
}
