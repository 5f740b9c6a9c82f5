/** Requests of a drill, through the gateway's proxy as every integration makes them. */
import { Agent, request } from '../../node-http.ts'
import { drillName, drillPath } from './manifest.ts'

/** A port of TCP, or a Unix socket. */
export type ProxyAddress = { readonly host: string; readonly port: number } | { readonly socketPath: string }

export interface DrillRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  /** Below the path of this run. */
  readonly path?: string
  /** Sent as it comes; the request is then chunked. */
  readonly body?: AsyncIterable<Buffer>
}

/** Status of the answer; `null`: it was cut off, or the gateway could not be asked. */
export type Send = (given?: DrillRequest) => Promise<number | null>

export interface DrillClient {
  readonly send: Send
  close(): void
}

/** `label`: of this run; it is in the path, and so in each record. */
export function createClient(proxy: ProxyAddress, token: string, port: number, label: string): DrillClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const headers = {
    host: `127.0.0.1:${port}`,
    'proxy-authorization': `Basic ${Buffer.from(`${drillName}:${token}`).toString('base64')}`,
    'user-agent': `sallyport-drill (${label})`,
  }
  return {
    send: ({ method = 'GET', path = '', body } = {}) =>
      new Promise((resolve) => {
        const url = `http://127.0.0.1:${port}${drillPath}/${label}${path}`
        const asked = request({ ...proxy, method, path: url, headers, agent }, (res) => {
          res.resume()
          res.on('end', () => resolve(res.statusCode ?? null))
          res.on('error', () => resolve(null))
        })
        asked.on('error', () => resolve(null))
        if (body === undefined) asked.end()
        else void write(body)

        async function write(chunks: AsyncIterable<Buffer>): Promise<void> {
          for await (const chunk of chunks) {
            if (asked.destroyed || asked.writableEnded) return
            asked.write(chunk)
          }
          asked.end()
        }
      }),
    close: () => agent.destroy(),
  }
}
