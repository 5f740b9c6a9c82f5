/** The steps of steps.py by the default agents of node:http and node:https. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { pipeline } from 'node:stream/promises'

const [, , secure, plain, elsewhere, body] = process.argv

function request(url, options) {
  return new Promise((resolve, reject) => {
    const { request } = url.startsWith('https:') ? https : http
    const req = request(url, options).once('response', resolve).once('error', reject)
    if (options.method === 'PUT') pipeline(createReadStream(body), req).catch(reject)
    else req.end()
  })
}

async function ask(url, options = {}, read = (bytes) => bytes.toString()) {
  try {
    const res = await request(url, options)
    const bytes = Buffer.concat(await res.toArray())
    console.log(res.headers['sallyport-problem'] ?? read(bytes), res.statusCode, res.httpVersion)
  } catch (error) {
    console.log(error.message)
  }
}

await ask(`${secure}/v1/hello`)
await ask(`${secure}/v1/hello`)
await ask(`${secure}/v1/sum`, { method: 'PUT' })
await ask(`${secure}/v1/large`, {}, (bytes) => createHash('sha256').update(bytes).digest('hex'))
await ask(`${secure}/admin`)
await ask(`${secure}/admin`, { method: 'PUT' })
await ask(`${plain}/v1/hello`)
await ask(`${plain}/admin`)
await ask(`${elsewhere}/`)
