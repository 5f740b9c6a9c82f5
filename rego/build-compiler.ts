/** Builds the Rego compiler and the library of built-in functions into the cache now, for images that will run without Go. */
import { builtinLibrary, compiler, programPath } from '../src/policy/compiler/program.ts'

for (const program of [compiler, builtinLibrary]) console.log(await programPath(program))
