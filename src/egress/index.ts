/** The way out: names resolved, addresses judged, connections dialled. */
export { createAddressRule, createOwnPorts, isSpecial } from './addresses.ts'
export { connectionOf } from './connection.ts'
export { withDeadline } from './deadline.ts'
export { createDialer, type Dialer, originTrust } from './dial.ts'
export { createDialPlaces, WantedDials } from './dial-places.ts'
export { joinSockets } from './join-sockets.ts'
export { keepAliveMs } from './keep-alive.ts'
export { createKeptNames } from './kept-names.ts'
export { createOperatorLookup } from './operator-lookup.ts'
export {
  endOfStream,
  explainOriginError,
  firstByteLate,
  limitInformational,
  maxInformational,
  speaksHttp2Only,
  stalled,
  tooManyInformational,
} from './origin-error.ts'
export { createResolveName, type DialTimeouts, type ResolveName, resolveOrRefuse, type Target } from './resolve.ts'
