/** The scale that baselines are kept on: octaves, log2(1 + value). What matters is how many times more, not how much more. */

/** Beyond it a number is no measurement: a petabyte, or what a fault made of one. */
const largest = 2 ** 50

/** NaN, negative and absurd numbers are 0 or the largest number; everything after this may trust what it gets. */
export const sane = (value: number): number => (value > 0 ? Math.min(value, largest) : 0)

export const toOctaves = (value: number): number => Math.log2(1 + value)
export const fromOctaves = (octaves: number): number => 2 ** octaves - 1

/** Sixths of an octave fit into a byte: a step of 12 %, up to 2^42. */
const stepsPerOctave = 6
export const toByte = (octaves: number): number => Math.max(0, Math.min(255, Math.round(octaves * stepsPerOctave)))
export const fromByte = (byte: number): number => byte / stepsPerOctave

/** A normal distribution's standard deviation, where the median absolute deviation is 1. */
export const deviationsPerMad = 1.4826

export const hoursOfWeek = 168
export const isWeekend = (ofWeek: number): boolean => ofWeek >= 120
