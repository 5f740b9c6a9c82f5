/** What is open and under way, and ends when the policy, its caller's identity or the state of its integration say so. */
export { createExchanges, type ExchangesStation } from './exchanges.ts'
export { createOpenConnections, type OpenConnectionsStation } from './open-connections.ts'
