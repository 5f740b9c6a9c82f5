/** JSON with the spelling of its numbers, header lists, and text of others inside messages. */
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
export { parseJson, type Revive } from './parse-json.ts'
export { scanJson } from './scan-json.ts'
export { visibleLines, visibleText } from './visible-text.ts'
