/** The command line. */
export { exitCodes, explainFailure } from './exit.ts'
export { createProgram } from './program.ts'
