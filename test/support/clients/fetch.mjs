/** The steps of steps.py by the fetch of the Node that runs it. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'

const [, , https, http, elsewhere, body] = process.argv
const sum = (bytes) => createHash('sha256').update(bytes).digest('hex')

async function ask(url, options = {}, read = (bytes) => bytes.toString()) {
  try {
    const res = await fetch(url, options)
    const bytes = Buffer.from(await res.arrayBuffer())
    console.log(res.headers.get('sallyport-problem') ?? read(bytes), res.status, '1.1')
  } catch (error) {
    console.log(inspect(error, { depth: 5 }))
  }
}

await ask(`${https}/v1/hello`)
await ask(`${https}/v1/hello`)
await ask(`${https}/v1/sum`, { method: 'PUT', body: readFileSync(body) })
await ask(`${https}/v1/large`, {}, sum)
await ask(`${https}/admin`)
await ask(`${https}/admin`, { method: 'PUT', body: readFileSync(body) })
await ask(`${http}/v1/hello`)
await ask(`${http}/admin`)
await ask(`${elsewhere}/`)
