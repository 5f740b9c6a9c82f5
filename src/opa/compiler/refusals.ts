/** Functions of OPA that no policy may call here, with the reason and what to write instead; docs/reference/builtins.md lists them. */
import type { CompilerProblem } from './protocol.ts'

interface RefusedFunction {
  readonly reason: string
  readonly instead: string
}

const outside = 'it reaches out of the policy, and the configuration does not grant it'
const grant = (name: string) => `add it to policy.grants.builtins, or --grant ${name} for a command`
const old = 'OPA has deprecated it, and refuses it in Rego v1'

export const refusedFunctions: Readonly<Record<string, RefusedFunction>> = {
  'http.send': { reason: outside, instead: grant('http.send') },
  'net.lookup_ip_addr': { reason: outside, instead: grant('net.lookup_ip_addr') },
  'opa.runtime': { reason: outside, instead: grant('opa.runtime') },
  all: { reason: old, instead: 'write "every x in list { x }"' },
  any: { reason: old, instead: 'write "true in list"' },
  cast_array: { reason: old, instead: 'write "[x | some x in set]"' },
  cast_boolean: { reason: old, instead: 'ask with is_boolean' },
  cast_null: { reason: old, instead: 'ask with is_null' },
  cast_object: { reason: old, instead: 'ask with is_object' },
  cast_set: { reason: old, instead: 'write "{x | some x in list}"' },
  cast_string: { reason: old, instead: 'ask with is_string' },
  'net.cidr_overlap': { reason: old, instead: 'call net.cidr_contains' },
  re_match: { reason: old, instead: 'call regex.match' },
  set_diff: { reason: old, instead: 'write "a - b"' },
}

/** OPA says only that it does not know the function, or that it is deprecated. */
export function withReason(problem: CompilerProblem): CompilerProblem {
  const [, name = ''] = /^(?:undefined function|deprecated built-in function calls in expression:) ([\w.]+)$/.exec(problem.message) ?? []
  const refused = Object.hasOwn(refusedFunctions, name) ? refusedFunctions[name] : undefined
  return refused === undefined ? problem : { ...problem, message: `${problem.message}: ${refused.reason}; ${refused.instead}` }
}
