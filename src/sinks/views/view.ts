/** What a view is: the form in which a record is shipped. */
import type { Json, JsonObject } from '../../core/index.ts'
import { isJsonObject } from '../../text/index.ts'

/** What the log is, beside its records. */
export interface ViewContext {
  /** `sallyport/<uuid>`. */
  readonly origin: string
  /** Of Sallyport. */
  readonly version: string
}

export interface CheckpointNote {
  readonly size: number
  readonly note: string
  readonly time: string
}

export interface View {
  /** `null`: it has no place in this view. */
  record(record: JsonObject, context: ViewContext): JsonObject | null
  checkpoint(checkpoint: CheckpointNote, context: ViewContext): JsonObject
}

/** A record's members by their types; what is missing or of another type is undefined. A name such as `__proto__` is one like any other. */
export interface Fields {
  text(key: string): string | undefined
  number(key: string): number | undefined
  flag(key: string): boolean | undefined
  object(key: string): Fields
  /** The members that are not named. */
  except(keys: ReadonlySet<string>): JsonObject
}

export function fieldsOf(record: JsonObject): Fields {
  const own = (key: string): Json | undefined => (Object.hasOwn(record, key) ? record[key] : undefined)
  const of = <Type>(value: unknown, type: string) => (typeof value === type ? (value as Type) : undefined)
  return {
    text: (key) => of<string>(own(key), 'string'),
    number: (key) => of<number>(own(key), 'number'),
    flag: (key) => of<boolean>(own(key), 'boolean'),
    object(key) {
      const value = own(key)
      return fieldsOf(isJsonObject(value) ? value : {})
    },
    except: (keys) => Object.fromEntries(Object.entries(record).filter(([key]) => !keys.has(key))),
  }
}

/** Without members that are undefined, and without objects in which nothing is left. */
export function present(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  const entries = Object.entries(members).filter(
    (entry): entry is [string, Json] => entry[1] !== undefined && !(isJsonObject(entry[1]) && Object.keys(entry[1]).length === 0),
  )
  return Object.fromEntries(entries)
}

/** The URL of what was asked for, as far as the record has it. */
export function urlOf(subject: Fields): string | undefined {
  const [scheme, host, path] = [subject.text('scheme'), subject.text('host'), subject.text('path')]
  const query = subject.text('query')
  if (host === undefined) return undefined
  const port = subject.number('port')
  const authority = `${host.includes(':') ? `[${host}]` : host}${port === undefined ? '' : `:${port}`}`
  return `${scheme === undefined ? '' : `${scheme}:`}//${authority}${path ?? ''}${query === undefined ? '' : `?${query}`}`
}
