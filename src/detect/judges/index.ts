/** What each rule looks for. */

export { judgeErrors, judgeLeak } from './closed-hours.ts'
export { type Draft, measured } from './draft.ts'
export { judgeEvent } from './events.ts'
export { judgeDeniedNames, judgeEncodedName } from './names.ts'
export { isLearned, judgeFirstUse, judgeUpload } from './novelty.ts'
export { isIdleHour, judgeRegularity } from './regularity.ts'
export { createVolumeJudge, type VolumeJudge } from './volumes.ts'
