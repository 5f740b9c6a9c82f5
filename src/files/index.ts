/** Files of the gateway's own and of its operator: read within bounds, watched, locked, and written whole. */
export { type FileKind, type FolderFile, listFiles, readSteadily } from './folder-files.ts'
export { FolderLockError, isFolderInUse, lockFolder, requireLocal } from './folder-lock.ts'
export { cutTornLine } from './torn-line.ts'
export { type Watch, watchFolder } from './watch-folder.ts'
export { createFolderAtomically, syncFolder, temporaryName, writeAtomically, writeSynced } from './write-atomically.ts'
