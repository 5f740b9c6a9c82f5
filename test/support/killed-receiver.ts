/**
 * A receiver in a process of its own, which a test kills: it writes each record to a file before it says that it has it.
 * Arguments: `webhook` or `syslog`, port, file, and for syslog the files of its certificate and key.
 */
import { appendFileSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { createServer as createTlsServer } from 'node:tls'

const [kind, port, file = '', cert = '', key = ''] = process.argv.slice(2)
const keep = (texts: readonly string[]) => appendFileSync(file, texts.map((text) => `${text}\n`).join(''))

if (kind === 'webhook')
  createServer(async (req, res) => {
    const items = JSON.parse((await buffer(req)).toString()) as readonly object[]
    keep(items.map((item) => JSON.stringify(item)))
    res.writeHead(204).end()
  }).listen(Number(port), '127.0.0.1')
else
  createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, (socket) => {
    let rest = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      // RFC 5425: each message stands behind its length.
      for (let space = rest.indexOf(0x20); space > 0; space = rest.indexOf(0x20)) {
        const end = space + 1 + Number(rest.toString('latin1', 0, space))
        if (end > rest.byteLength) return
        const message = rest.toString('utf8', space + 1, end)
        keep([message.slice(message.indexOf('{'))])
        rest = rest.subarray(end)
      }
    })
    socket.on('end', () => socket.end())
  }).listen(Number(port), '127.0.0.1')
