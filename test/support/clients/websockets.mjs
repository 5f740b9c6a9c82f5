/** At each URL a text and a megabyte, which come back: by Node's own WebSocket, or with "ws" as the first word by the package ws. */

import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'

const [, , kind, ...urls] = process.argv
const { WebSocket: Packaged } = await import('ws')

/** The package reads no environment; the default agents do. */
function open(url) {
  if (kind !== 'ws') return new WebSocket(url)
  return new Packaged(url, { agent: url.startsWith('wss:') ? https.globalAgent : http.globalAgent })
}

for (const url of urls) {
  const socket = open(url)
  socket.binaryType = 'arraybuffer'
  try {
    const replies = []
    await new Promise((resolve, reject) => {
      socket.addEventListener('error', ({ error, message }) => reject(new Error(message || error?.message)))
      socket.addEventListener('open', () => socket.send('hello'))
      socket.addEventListener('message', ({ data }) => {
        replies.push(data)
        if (replies.length === 1) socket.send(new Uint8Array(1024 * 1024))
        else resolve()
      })
    })
    console.log(replies[0], replies[1].byteLength)
    socket.close()
    await once(socket, 'close')
  } catch (error) {
    console.log('refused:', error.message)
  }
}
