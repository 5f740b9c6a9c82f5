/** What WebSockets through the gateway are measured against: the same Node, moving the same bytes to one port, deciding nothing. */
import { connect, createServer } from 'node:net'

const [port, originPort] = process.argv.slice(2)

createServer((socket) => {
  const origin = connect(Number(originPort), '127.0.0.1')
  socket.on('error', () => origin.destroy()).pipe(origin)
  origin.on('error', () => socket.destroy()).pipe(socket)
}).listen(Number(port), '127.0.0.1')
