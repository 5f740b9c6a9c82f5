/** A service of gRPC with every kind of call, whose messages are texts, by @grpc/grpc-js. */
import type { TestContext } from 'node:test'
import * as grpc from '@grpc/grpc-js'

const serialize = (text: string) => Buffer.from(text)
const deserialize = (given: Buffer) => given.toString()
const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
  ...{ path, requestStream, responseStream },
  ...{ requestSerialize: serialize, requestDeserialize: deserialize, responseSerialize: serialize, responseDeserialize: deserialize },
})
export const methods = {
  unary: method('/test.Echo/Unary', false, false),
  gather: method('/test.Echo/Gather', true, false),
  spread: method('/test.Echo/Spread', false, true),
  both: method('/test.Echo/Both', true, true),
  never: method('/test.Echo/Never', false, false),
}

export interface EchoServer {
  readonly port: number
  /** Calls of `never` that their callers have given up. */
  readonly cancelled: number
}

export async function startEchoServer(t: Pick<TestContext, 'after'>, credentials: grpc.ServerCredentials): Promise<EchoServer> {
  let cancelled = 0
  const server = new grpc.Server()
  server.addService(methods, {
    unary: (call: grpc.ServerUnaryCall<string, string>, done: grpc.sendUnaryData<string>) => {
      const trailers = new grpc.Metadata()
      trailers.set('x-trailer', 'kept')
      if (call.request === 'fail') done({ code: grpc.status.NOT_FOUND, details: 'no such thing', metadata: trailers })
      else done(null, `${call.request} back`, trailers)
    },
    gather: (call: grpc.ServerReadableStream<string, string>, done: grpc.sendUnaryData<string>) => {
      const all: string[] = []
      call.on('data', (one: string) => all.push(one)).on('end', () => done(null, all.join('+')))
    },
    spread: (call: grpc.ServerWritableStream<string, string>) => {
      for (const letter of call.request) call.write(letter)
      call.end()
    },
    both: (call: grpc.ServerDuplexStream<string, string>) => {
      call.on('data', (one: string) => call.write(`${one} back`)).on('end', () => call.end())
    },
    never: (call: grpc.ServerUnaryCall<string, string>) => {
      const heard = new grpc.Metadata()
      heard.set('x-heard', 'yes')
      call.sendMetadata(heard)
      call.on('cancelled', () => {
        cancelled += 1
      })
    },
  })
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error))),
  )
  t.after(() => server.forceShutdown())
  return {
    port,
    get cancelled() {
      return cancelled
    },
  }
}

export interface Ended {
  readonly status: grpc.StatusObject
  readonly reply: string | undefined
}

export interface Call {
  readonly metadata?: grpc.Metadata
  readonly options?: grpc.CallOptions
}

export function unary(
  client: grpc.Client,
  path: string,
  message: string,
  { metadata = new grpc.Metadata(), options = {} }: Call = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    let reply: string | undefined
    const call = client.makeUnaryRequest(path, serialize, deserialize, message, metadata, options, (_error, given) => {
      reply = given
    })
    call.on('status', (status) => setImmediate(() => resolve({ status, reply })))
  })
}

/**
 * How a call ends that is never answered, by its deadline. On a busy machine that may be over before the server has heard of the
 * call, which says nothing of what it is told: then a call with a longer one is tried.
 */
export async function neverAnswered(client: grpc.Client, metadata = new grpc.Metadata()): Promise<grpc.StatusObject> {
  for (let deadlineMs = 300; ; deadlineMs *= 3) {
    const { status, isHeard } = await new Promise<{ status: grpc.StatusObject; isHeard: boolean }>((resolve) => {
      let isHeard = false
      const options = { deadline: Date.now() + deadlineMs }
      const call = client.makeUnaryRequest(methods.never.path, serialize, deserialize, 'wait', metadata, options, () => {})
      call.on('metadata', (headers: grpc.Metadata) => {
        isHeard = headers.get('x-heard').length > 0
      })
      call.on('status', (status) => resolve({ status, isHeard }))
    })
    if (isHeard || status.code !== grpc.status.DEADLINE_EXCEEDED || deadlineMs > 60_000) return status
  }
}

export function gather(client: grpc.Client, messages: readonly string[], metadata = new grpc.Metadata()): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const call = client.makeClientStreamRequest(methods.gather.path, serialize, deserialize, metadata, (error, given) =>
      error === null ? resolve(given) : reject(error),
    )
    for (const one of messages) call.write(one)
    call.end()
  })
}

export function spread(client: grpc.Client, letters: string, metadata = new grpc.Metadata()): grpc.ClientReadableStream<string> {
  return client.makeServerStreamRequest(methods.spread.path, serialize, deserialize, letters, metadata)
}

export function both(client: grpc.Client, metadata = new grpc.Metadata()): grpc.ClientDuplexStream<string, string> {
  return client.makeBidiStreamRequest(methods.both.path, serialize, deserialize, metadata)
}
