/** Calls of @grpc/grpc-js to an authority, one after the other: `/path=bytes` each; prints the status and the size of the reply. */
import * as grpc from '@grpc/grpc-js'

const [, , authority, ...calls] = process.argv
const client = new grpc.Client(authority, grpc.credentials.createSsl())
const same = (given) => given
for (const call of calls) {
  const [path, size] = call.split('=')
  await new Promise((resolve) => {
    client.makeUnaryRequest(path, same, same, Buffer.alloc(Number(size), 'x'), (error, reply) => {
      console.log(error === null ? `OK ${reply.byteLength}` : `${grpc.status[error.code]} ${error.details}`)
      resolve()
    })
  })
}
client.close()
