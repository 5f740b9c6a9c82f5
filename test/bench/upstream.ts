/** The origin of the benchmark: 1 KB replies, and a megabyte where that is asked for, as cheap as Node can make them, over HTTP and HTTPS. */
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'

const [httpPort, httpsPort, folder] = process.argv.slice(2)
const body = Buffer.alloc(1024, 'x')
const large = Buffer.alloc(1024 ** 2, 'x')
const answer: RequestListener = (req, res) => {
  // What is never answered holds a socket.
  if (req.url === '/hang') return
  req.resume()
  const content = req.url === '/v1/large' ? large : body
  res.writeHead(200, ['content-type', 'text/plain', 'content-length', String(content.byteLength)])
  res.end(content)
}
createServer({ keepAliveTimeout: 60_000 }, answer).listen(Number(httpPort), '127.0.0.1')
if (httpsPort !== undefined)
  createTlsServer(
    { key: readFileSync(`${folder}/origin.key`), cert: readFileSync(`${folder}/origin.crt`), keepAliveTimeout: 60_000 },
    answer,
  ).listen(Number(httpsPort), '127.0.0.1')
