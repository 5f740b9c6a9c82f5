/** How receivers are spoken to: loaded with the first message that there is for one. */
export { createTransport, type TransportContext } from './create-transport.ts'
