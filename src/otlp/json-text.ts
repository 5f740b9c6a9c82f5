/** Parts of OTLP's JSON as text (opentelemetry-proto, "JSON Protobuf Encoding"): written directly, since an object per attribute would cost more than the rest of a span. */

/** Longer texts are cut. */
const maxCharacters = 2048
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const plain = /^[^"\\\x00-\x1f\ud800-\udfff]*$/

/** A JSON string. What is not Unicode is replaced. */
export function quote(text: string): string {
  const kept = text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…[cut]` : text
  return plain.test(kept) ? `"${kept}"` : JSON.stringify(kept.toWellFormed())
}

/** `name`: of the code, without anything to escape. */
export function textAttribute(name: string, value: string): string {
  return `{"key":"${name}","value":{"stringValue":${quote(value)}}}`
}

/** Whole numbers of 64 bits are texts there. */
export function countAttribute(name: string, value: number): string {
  return `{"key":"${name}","value":{"intValue":"${value}"}}`
}

export function numberAttribute(name: string, value: number): string {
  return `{"key":"${name}","value":{"doubleValue":${value}}}`
}

export function flagAttribute(name: string, value: boolean): string {
  return `{"key":"${name}","value":{"boolValue":${value}}}`
}

/** Nanoseconds since the epoch. `ms`: milliseconds, which a double holds to a quarter of a microsecond. */
export function nanoseconds(ms: number): string {
  const whole = Math.floor(ms)
  const rest = Math.floor((ms - whole) * 1e6)
  return whole <= 0 ? '0' : `${whole}${String(rest).padStart(6, '0')}`
}

export interface Source {
  readonly version: string
  /** Of the log: the gateway's name as long as its log lasts. */
  readonly instance: string
  readonly attributes: Readonly<Record<string, string>>
}

/** Who exports: the resource of all its spans and metrics, the same as of its logs (sinks/otlp). */
export function resourceText({ version, instance, attributes }: Source): string {
  const all = { 'service.name': 'sallyport', 'service.version': version, ...attributes, 'service.instance.id': instance }
  return `{"attributes":[${Object.entries(all)
    .map(([name, value]) => textAttribute(name, value))
    .join(',')}]}`
}
