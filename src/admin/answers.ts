/** Answers of the operator's side: JSON, and problems (RFC 9457) as JSON. */
import type { ServerResponse } from 'node:http'
import { STATUS_CODES } from '../node-http.ts'

export type Headers = Readonly<Record<string, string>>

export function sendJson(res: ServerResponse, status: number, value: unknown, headers: Headers = {}): void {
  const text = JSON.stringify(value)
  const head = { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text), ...headers }
  res.writeHead(status, head).end(text)
}

export function sendProblem(res: ServerResponse, status: number, detail: string, headers: Headers = {}): void {
  sendJson(res, status, { status, title: STATUS_CODES[status], detail }, headers)
}
