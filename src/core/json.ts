/** JSON as values: what the policy sees and records hold. Among the objects are numbers with a spelling of their own (`RawNumber`). */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }
