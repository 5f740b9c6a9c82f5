/** Builds the Rego compiler into the cache now, for images that will run without Go. */
import { compilerProgram, defaultCacheFolder } from '../src/policy/compiler/program.ts'

console.log(await compilerProgram(defaultCacheFolder()))
