/** Which key signs checkpoints of the audit log: one of the gateway's own, or one that Vault keeps. */
export { signerOf } from './vault-signer.ts'
