/** The interception CA, its leaves, and what clients need to trust it. */
export { openAuthority } from './authority.ts'
export { readAuthority } from './authority-files.ts'
export { createAuthorityKeeper } from './authority-keeper.ts'
export { type CertificateAuthority, RotationRefused } from './certificate-authority.ts'
export { createLeaves } from './leaves.ts'
export { prepareTrustFolder, publish } from './trust-folder.ts'
