/** What the gateway is measured against: the same Node and undici, moving the same bytes, deciding nothing. */
import { createServer } from 'node:http'
import { Pool } from 'undici'

const [port, origin] = process.argv.slice(2)
const pool = new Pool(origin as string, { connections: 256, pipelining: 1 })

const connectionHeaders = new Set(['connection', 'keep-alive', 'proxy-authorization', 'transfer-encoding'])

createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
  const url = new URL(req.url as string)
  const headers: string[] = []
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i] as string
    if (!connectionHeaders.has(name.toLowerCase())) headers.push(name, req.rawHeaders[i + 1] as string)
  }
  pool.dispatch(
    { path: url.pathname + url.search, method: req.method as string, headers, body: null },
    {
      onRequestStart() {},
      onResponseStart(controller, status) {
        const raw = controller.rawHeaders as Buffer[]
        const kept: string[] = []
        for (let i = 0; i < raw.length; i += 2) {
          const name = (raw[i] as Buffer).toString('latin1')
          if (!connectionHeaders.has(name.toLowerCase())) kept.push(name, (raw[i + 1] as Buffer).toString('latin1'))
        }
        res.writeHead(status, kept)
      },
      onResponseData(controller, chunk) {
        if (res.write(chunk)) return
        controller.pause()
        res.once('drain', () => controller.resume())
      },
      onResponseEnd: () => void res.end(),
      onResponseError: () => void res.destroy(),
    },
  )
}).listen(Number(port), '127.0.0.1')
