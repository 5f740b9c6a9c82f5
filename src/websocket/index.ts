/** WebSockets: the handshake with a destination, and its frames, bounded and counted both ways. */
export { boundsOf, type WebSocketBounds } from './bounds.ts'
export { FrameStream } from './frame-stream.ts'
export { openWebSocket } from './open.ts'
export { type CallersEnd, type UpgradeOptions, WebSocketUpgrade } from './upgrade.ts'
