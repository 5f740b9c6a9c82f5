/** What is measured of a pair of integration and destination, in the order in which it is kept. */

export const measures = ['requests', 'sentBytes', 'receivedBytes', 'denied', 'failed', 'latencyMs', 'distinct', 'uploadRatio'] as const
export type Measure = (typeof measures)[number]
export const measureCount = measures.length

export const requests = 0
export const sent = 1
export const received = 2
export const denied = 3
export const failed = 4
export const latency = 5
/** Of a pair, distinct paths; of an integration, distinct destinations. */
export const distinct = 6
export const uploadRatio = 7

/** The measures that are 0 in an hour without requests; of the others such an hour says nothing. */
export const isOfSilence = (measure: number): boolean => measure !== latency && measure !== uploadRatio

/** Sent by received as a number above 0, 2^20 being as much as the other; a kilobyte of each is not looked at. */
export const ratioOf = (sentBytes: number, receivedBytes: number): number => 2 ** 20 * ((sentBytes + 1024) / (receivedBytes + 1024))
