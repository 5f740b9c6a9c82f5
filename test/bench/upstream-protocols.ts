/** The origin of the protocol benchmarks: 1 KB replies over HTTPS in either version, gRPC calls answered by its own library, and WebSockets that echo. */
import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import * as grpc from '@grpc/grpc-js'
import { WebSocketServer } from 'ws'

const [http1Port, http2Port, grpcPort, webSocketPort, folder] = process.argv.slice(2)
const key = readFileSync(`${folder}/origin.key`)
const cert = readFileSync(`${folder}/origin.crt`)
const body = Buffer.alloc(1024, 'x')
const head = { 'content-type': 'text/plain', 'content-length': '1024' }

createServer({ key, cert, keepAliveTimeout: 60_000 }, (req, res) => {
  req.resume()
  res.writeHead(200, head).end(body)
}).listen(Number(http1Port), '127.0.0.1')

createSecureServer({ key, cert })
  .on('stream', (stream) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200, ...head })
    stream.end(body)
  })
  .on('session', (session) => session.on('error', () => {}))
  .listen(Number(http2Port), '127.0.0.1')

const same = { serialize: (bytes: Buffer) => bytes, deserialize: (bytes: Buffer) => bytes }
const echo = {
  ...{ path: '/bench.Echo/Unary', requestStream: false, responseStream: false },
  ...{ requestSerialize: same.serialize, requestDeserialize: same.deserialize },
  ...{ responseSerialize: same.serialize, responseDeserialize: same.deserialize },
}
const calls = new grpc.Server()
calls.addService(
  { echo },
  { echo: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => done(null, call.request) },
)
const credentials = grpc.ServerCredentials.createSsl(null, [{ private_key: key, cert_chain: cert }])
calls.bindAsync(`127.0.0.1:${grpcPort}`, credentials, (error) => {
  if (error !== null) throw error
})

new WebSocketServer({ port: Number(webSocketPort), host: '127.0.0.1', perMessageDeflate: false }).on('connection', (socket) => {
  socket.on('error', () => {}).on('message', (message, binary) => socket.send(message, { binary }))
})
