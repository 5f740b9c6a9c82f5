/**
 * `connect` and `createServer` of node:net for callers and destinations in tests. A reset that comes between two waits of a test is
 * no fault of it, and must not end its process: who waits for something still gets the error (`once` rejects), others see the end.
 */
import * as net from 'node:net'

const tolerate = (socket: net.Socket) => socket.on('error', () => {})

export const connect = ((...args: Parameters<typeof net.connect>) => tolerate(net.connect(...args))) as typeof net.connect

export const createServer = ((...args: Parameters<typeof net.createServer>) =>
  net.createServer(...args).prependListener('connection', tolerate)) as typeof net.createServer
