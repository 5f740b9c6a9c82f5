/** The Merkle tree over the records. */
export { emptyRoot, leafHash } from './hashes.ts'
export { Tree } from './tree.ts'
