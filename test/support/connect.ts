/** Connections of tests. */
import * as net from 'node:net'

/**
 * `connect` of node:net for callers and destinations in tests. A reset that comes between two waits of a test is no fault of it, and
 * must not end its process: whoever waits for something then still gets the error (`once` rejects), others see the end of the socket.
 */
export const connect = ((...args: Parameters<typeof net.connect>) => net.connect(...args).on('error', () => {})) as typeof net.connect
