/** JSON with the spelling of its numbers, header lists, text of others and amounts inside messages, names of time zones, and whether a host is this machine. */
export { bytesText, counted, countText, durationText, percentText } from './amounts.ts'
export {
  hasMembers,
  isJsonObject,
  isRawNumber,
  NumberOutOfRange,
  parseExactJson,
  parseJudgedJson,
  rawNumber,
  stringify,
} from './exact-json.ts'
export { fieldObject } from './field-object.ts'
export { connectionNames, headersOf, queryOf, withoutHeaders } from './header-list.ts'
export { isLoopback } from './loopback.ts'
export { parseJson, type Revive } from './parse-json.ts'
export { scanJson } from './scan-json.ts'
export { isTimeZone } from './time-zone.ts'
export { visibleLines, visibleText } from './visible-text.ts'
