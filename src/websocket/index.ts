/** WebSockets: the handshake with a destination, and its frames, bounded and counted both ways. */
export { boundsOf, type WebSocketBounds } from './bounds.ts'
export { FrameStream } from './frame-stream.ts'
export { isDeflateOffer, itemsOf } from './handshake.ts'
export type { InspectMessage, WebSocketMessage } from './inspection.ts'
export { openWebSocket } from './open.ts'
export type { CallersEnd, UpgradeOptions } from './options.ts'
export { WebSocketUpgrade } from './upgrade.ts'
