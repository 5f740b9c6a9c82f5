/**
 * Node's HTTP, without what its module makes of itself for `import`: that asks for everything it gives, Node's own WebSocket
 * client among it, and so loads all of Node's fetch: 13 MiB of resident memory that nothing here uses (Node 24.21).
 */
import type { Agent as NodeAgent, ServerResponse as NodeServerResponse } from 'node:http'

export const { Agent, createServer, request, ServerResponse, STATUS_CODES } = process.getBuiltinModule('node:http')
export type Agent = NodeAgent
export type ServerResponse = NodeServerResponse
