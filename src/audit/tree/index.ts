/** The Merkle tree over the records. */
export { emptyRoot, hashBytes, leafHash, leafHashInPlace } from './hashes.ts'
export { rootOf, type Tile, Tree } from './tree.ts'
