/** States that integrations are held in, whatever their policy allows. */
export { type Containment, type ContainmentChange, createContainment, everything } from './containment.ts'
export { readEntries } from './containment-file.ts'
export { isInForce, strictestOf } from './entry.ts'
export { createKillSwitch } from './kill-switch.ts'
export { ContainmentRefused } from './steps.ts'
