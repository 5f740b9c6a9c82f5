/** The way out: names resolved, addresses judged, connections dialled. */
export { createAddressRule, createOwnPorts, isSpecial } from './addresses.ts'
export { withDeadline } from './deadline.ts'
export { createDialer, type Dialer, meaningOfAlert, originTrust } from './dial.ts'
export { createDialPlaces, WantedDials } from './dial-places.ts'
export { endOfTime, joinSockets, stillFor } from './join-sockets.ts'
export { keepAliveMs } from './keep-alive.ts'
export { createOperatorLookup } from './operator-lookup.ts'
export { createResolveName, type DialTimeouts, type ResolveName, resolveOrRefuse, type Target } from './resolve.ts'
