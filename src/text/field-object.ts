/** Header fields as Node's HTTP/2 takes them in every version: an object, with an array where a name stands more than once. */

export type FieldObject = Record<string, string | string[]>

/** `fields`: flat. Names become lower case, as HTTP/2 has them (RFC 9113 §8.2.1). */
export function fieldObject(fields: readonly string[]): FieldObject {
  const object: FieldObject = Object.create(null)
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] as string).toLowerCase()
    const value = fields[i + 1] as string
    const earlier = object[name]
    if (earlier === undefined) object[name] = value
    else if (Array.isArray(earlier)) earlier.push(value)
    else object[name] = [earlier, value]
  }
  return object
}
