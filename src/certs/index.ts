/** The interception CA and its leaves. */
export { type CertificateAuthority, openAuthority } from './authority.ts'
export { createLeaves } from './leaves.ts'
