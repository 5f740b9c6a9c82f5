/** How a row goes on in time: what is added to the open window and hour, and what is learned when they are over. */
import { denied, distinct, failed, isOfSilence, latency, measureCount, ratioOf, received, requests, sent, uploadRatio } from './measures.ts'
import { createExpectation, type Expectation, expectHour, learnHour, levels } from './profile.ts'
import { field, half, type Row, windowMeasures } from './rows.ts'
import { fromOctaves, toOctaves } from './scale.ts'
import type { Week } from './week.ts'

export const windowMs = 300_000
export const windowsPerHour = 12
/** The window of a row that was just opened: its limits are not worked out yet. */
export const noWindow = -1
/** The hour of a row that was read from the store: nothing is learned of the time before. */
export const noHour = -1
/** Longer than this without any hour in between, nothing is learned from the silence: the gateway was off, or its clock was set. */
export const maxSilentHours = 80

/** What is added at once; sane numbers. */
export interface Added {
  readonly requests: number
  readonly denied: number
  readonly failed: number
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly durationMs: number
  readonly durations: number
}

export function openRow({ floats, at }: Row, window: number): void {
  floats[at + field.first] = window
  floats[at + field.last] = window
  floats[at + field.window] = noWindow
  floats[at + field.hour] = Math.floor(window / windowsPerHour)
}

export function add({ floats, at }: Row, added: Added, window: number): void {
  floats[at + field.last] = window
  for (let sums = at + field.windowSums; sums <= at + field.hourSums; sums += field.hourSums - field.windowSums) {
    floats[sums] = (floats[sums] ?? 0) + added.requests
    floats[sums + 1] = (floats[sums + 1] ?? 0) + added.sentBytes
    floats[sums + 2] = (floats[sums + 2] ?? 0) + added.receivedBytes
    floats[sums + 3] = (floats[sums + 3] ?? 0) + added.denied
    floats[sums + 4] = (floats[sums + 4] ?? 0) + added.failed
    floats[sums + 5] = (floats[sums + 5] ?? 0) + added.durationMs
    floats[sums + 6] = (floats[sums + 6] ?? 0) + added.durations
  }
  floats[at + field.totalSent] = (floats[at + field.totalSent] ?? 0) + added.sentBytes
  floats[at + field.totalReceived] = (floats[at + field.totalReceived] ?? 0) + added.receivedBytes
}

/** One of 128 bits per hash: good for some hundred different ones. */
export function addHash({ words, at }: Row, hash: number): void {
  const word = at + field.hashes + ((hash >>> 5) & 3)
  words[word] = (words[word] ?? 0) | (1 << (hash & 31))
}

function distinctHashes({ words, at }: Row): number {
  let free = 0
  for (let word = 0; word < 4; word++) for (let bits = ~(words[at + field.hashes + word] ?? 0) >>> 0; bits !== 0; bits &= bits - 1) free++
  return Math.round(-128 * Math.log(Math.max(1, free) / 128))
}

/** The measures of the open hour, in octaves. */
export function hourValues(row: Row, values: Float32Array, distinctCount: number | null): Float32Array {
  const { floats, at } = row
  const sum = (index: number) => floats[at + field.hourSums + index] ?? 0
  for (let measure = requests; measure <= failed; measure++) values[measure] = toOctaves(sum(measure))
  values[latency] = toOctaves(sum(6) === 0 ? 0 : sum(5) / sum(6))
  values[distinct] = toOctaves(distinctCount ?? distinctHashes(row))
  values[uploadRatio] = toOctaves(ratioOf(sum(sent), sum(received)))
  return values
}

const firstStep = 1.2
const lastStep = 0.03
const maxMad = 3

/** The median and its absolute deviation, moved by a bounded step towards what was seen: no value, however large, moves them more. */
function track(halves: Float16Array, median: number | null, mad: number, residual: number, samples: number): void {
  const step = Math.max(lastStep, firstStep / (samples + 2))
  const center = median === null ? 0 : (halves[median] ?? 0)
  const away = Math.abs(residual - center)
  halves[mad] = Math.min(maxMad, Math.max(0, (halves[mad] ?? 0) + Math.sign(away - (halves[mad] ?? 0)) * Math.min(step / 2, away)))
  // A window has its whole hour at most: twelve times a twelfth.
  if (median !== null) halves[median] = Math.max(-1, Math.min(3.6, center + Math.sign(residual - center) * Math.min(step, away)))
}

/** The largest deviation of a day is kept; by one day's no more than one value is learned. */
function notePeak(halves: Float16Array, peaks: number, residual: number): void {
  if (residual > (halves[peaks] ?? 0)) halves[peaks] = residual
}

function endDay(halves: Float16Array, peaks: number): void {
  const [today, largest, second] = [halves[peaks] ?? 0, halves[peaks + 1] ?? 0, halves[peaks + 2] ?? 0]
  halves[peaks] = 0
  halves[peaks + 1] = Math.max(today, largest)
  halves[peaks + 2] = Math.max(Math.min(today, largest), second)
}

/** All peaks of a row stand beside each other. */
const peakNumbers = half.dayPeaks + 9 - half.windowPeaks
/** Peaks fade by an octave a week. */
const fadePerDay = 1 / 7

/** `days`: how many began since the row’s open hour. What was today’s is yesterday’s, and older peaks fade. */
function endDays({ halves, at }: Row, days: number): void {
  const peaks = 2 * at + half.windowPeaks
  for (let peak = 0; peak < peakNumbers; peak++)
    if (peak % 3 !== 0) halves[peaks + peak] = Math.max(0, (halves[peaks + peak] ?? 0) - Math.min(1, days * fadePerDay))
  for (let peak = 0; peak < peakNumbers; peak += 3) endDay(halves, peaks + peak)
}

export function closeWindow({ floats, halves, at }: Row): void {
  const sums = at + field.windowSums
  const level = halves[2 * at + half.level] ?? 0
  if (level > levels.none && (floats[sums] ?? 0) > 0) {
    const samples = floats[at + field.windows] ?? 0
    for (let measure = 0; measure < windowMeasures; measure++) {
      const residual = toOctaves(floats[sums + measure] ?? 0) - expectedInWindow(halves[2 * at + half.center + measure] ?? 0)
      if (measure === sent && level >= levels.hourOfDay)
        notePeak(halves, 2 * at + half.windowPeaks, residual - (halves[2 * at + half.windowBias + measure] ?? 0))
      track(halves, 2 * at + half.windowBias + measure, 2 * at + half.windowMad + measure, residual, samples)
    }
    floats[at + field.windows] = samples + 1
  }
  for (let measure = requests; measure <= received; measure++)
    notePeak(halves, 2 * at + half.dayPeaks + 3 * measure, toOctaves(floats[sums + measure] ?? 0))
  floats.fill(0, sums, sums + 7)
}

export const expectedInWindow = (center: number): number => toOctaves(fromOctaves(center) / windowsPerHour)

const scratch = new Float32Array(measureCount)
const expected = createExpectation()

/** Learns the open hour and the silent ones after it, and expects `hour`. `profile` is changed; `distinctCount` where it is not of hashes. */
export function closeHour(row: Row, profile: Uint8Array, hour: number, week: Week, distinctCount: number | null = null): void {
  const { floats, words, halves, at } = row
  const open = floats[at + field.hour] ?? 0
  const silent = hour - open - 1
  const isLearned = open !== noHour && hour > open
  if (isLearned) {
    const isBounded = (halves[2 * at + half.level] ?? 0) >= levels.hourOfDay && (halves[2 * at + half.samples] ?? 0) >= 2
    const bound = isBounded ? halves.subarray(2 * at + half.center, 2 * at + half.center + measureCount) : null
    const isActive = (floats[at + field.hourSums] ?? 0) > 0
    const values = isActive ? hourValues(row, scratch, distinctCount) : null
    noteShift(row, values, Math.min(silent, maxShiftHours))
    if (values !== null) learnResiduals(row, values)
    learnHour(profile, week.hourOf(open), values, bound)
    if (silent <= maxSilentHours) for (let index = open + 1; index < hour; index++) learnHour(profile, week.hourOf(index), null, null)
    floats[at + field.hours] = Math.min(1e6, (floats[at + field.hours] ?? 0) + 1 + (silent <= maxSilentHours ? silent : 0))
    const days = week.dayOf(hour) - week.dayOf(open)
    if (days > 0) endDays(row, days)
  }
  floats[at + field.hour] = hour
  floats.fill(0, at + field.hourSums, at + field.hourSums + 7)
  words.fill(0, at + field.hashes, at + field.hashes + 4)
  expectHour(profile, week.hourOf(hour), expected)
  if (isLearned) shiftFirstWeekend(row, expected)
  halves.set(expected.center, 2 * at + half.center)
  halves[2 * at + half.level] = expected.level
  halves[2 * at + half.samples] = expected.samples
  halves[2 * at + half.typical] = expected.typical
}

/** Of hours with at least so many requests on working days, in octaves, a weekend can be told. */
const tellingOctaves = 4
const maxShiftHours = 6
/** An hour of a weekend may have twice as much as those before it. */
const spareOctaves = 1

function noteShift({ halves, at }: Row, values: Float32Array | null, silent: number): void {
  const usual = (halves[2 * at + half.center + requests] ?? 0) - Math.min(0, (halves[2 * at + half.shift] ?? 0) + spareOctaves)
  if (halves[2 * at + half.isBorrowed] !== 1 || usual < tellingOctaves) return
  for (let hour = 0; hour <= silent; hour++) {
    const value = hour === 0 ? (values?.[requests] ?? 0) : 0
    halves[2 * at + half.shift] = ((halves[2 * at + half.shift] ?? 0) + Math.min(0, value - usual)) / 2
  }
}

/** On its first weekend an integration is compared with its working days, as far as the hours before were like them. */
function shiftFirstWeekend({ halves, at }: Row, next: Expectation): void {
  halves[2 * at + half.isBorrowed] = next.isBorrowed ? 1 : 0
  if (!next.isBorrowed) halves[2 * at + half.shift] = 0
  const shift = Math.min(0, (halves[2 * at + half.shift] ?? 0) + spareOctaves)
  for (let measure = 0; measure < measureCount; measure++)
    if (isOfSilence(measure)) next.center[measure] = Math.max(0, (next.center[measure] ?? 0) + shift)
}

function learnResiduals({ floats, halves, at }: Row, values: Float32Array): void {
  const level = halves[2 * at + half.level] ?? 0
  if (level < levels.hourOfDay) return
  const samples = floats[at + field.hours] ?? 0
  for (let measure = 0; measure < measureCount; measure++) {
    if (isOfSilence(measure) && (values[requests] ?? 0) === 0 && measure !== denied) continue
    const residual = (values[measure] ?? 0) - (halves[2 * at + half.center + measure] ?? 0)
    if (measure === sent) notePeak(halves, 2 * at + half.hourPeaks, residual)
    if (measure === requests && halves[2 * at + half.isBorrowed] === 0) notePeak(halves, 2 * at + half.requestPeaks, residual)
    track(halves, null, 2 * at + half.hourMad + measure, residual, samples)
  }
}
