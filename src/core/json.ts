/** JSON as values: what the policy sees and what records hold. A number whose spelling matters is an object (`RawNumber`). */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }
