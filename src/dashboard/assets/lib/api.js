/** Asks the gateway. The key of the session goes with each request; the cookie beside it is not for scripts. */

const stored = 'sallyport-key'

export class ApiError extends Error {
  constructor(status, detail) {
    super(detail)
    this.status = status
  }
}

const headers = () => ({ 'sallyport-key': localStorage.getItem(stored) ?? '' })

/** Called where the session is over. */
let onSignedOut = () => {}
export function whenSignedOut(listener) {
  onSignedOut = listener
}

/** With the secret of the address, a token, or what the connection proves (a client certificate, a proxy’s header). Throws `ApiError`. */
export async function signIn(secret) {
  const given = secret === null ? {} : { authorization: `Bearer ${secret}` }
  const answer = await fetch('session', { method: 'POST', headers: given })
  const body = await bodyOf(answer)
  if (!answer.ok) throw new ApiError(answer.status, body.detail)
  localStorage.setItem(stored, body.key)
}

export async function signOut() {
  await fetch('session', { method: 'DELETE', headers: headers() }).catch(() => {})
  localStorage.removeItem(stored)
  onSignedOut()
}

async function bodyOf(answer) {
  const type = answer.headers.get('content-type') ?? ''
  return type.includes('json') ? await answer.json() : await answer.text()
}

async function ask(path, options = {}) {
  let answer
  try {
    answer = await fetch(path, { ...options, headers: { ...headers(), ...options.headers } })
  } catch (error) {
    if (error.name === 'AbortError') throw error
    throw new ApiError(0, 'the gateway, or the command that opened this page, does not answer')
  }
  if (answer.status === 401) onSignedOut()
  return answer
}

/** JSON, or a text. Throws `ApiError`. */
export async function get(path, signal) {
  const answer = await ask(path, { signal })
  const body = await bodyOf(answer)
  if (answer.ok) return body
  throw new ApiError(answer.status, body.detail ?? body.problem ?? `the gateway answered ${answer.status}`)
}

/** What it answers where the gateway has it; `null` where that part is off, does not answer now (`silenceOf`), or is not for this role. */
export async function getIfThere(path, signal) {
  if (Date.now() < (absences.get(path)?.until ?? 0)) return null
  try {
    const answer = await get(path, signal)
    absences.delete(path)
    return answer
  } catch (error) {
    if (![403, 404, 503].includes(error.status)) throw error
    const isSilent = error.status === 503
    absences.set(path, { until: Date.now() + (isSilent ? 4000 : 60_000), silence: isSilent ? error.message : null })
    return null
  }
}

/** What is off stays off until the gateway is started anew: it is not asked with every refresh. */
const absences = new Map()

/** Why what `getIfThere` had no answer of does not answer now; `null`: it is off. */
export const silenceOf = (path) => absences.get(path)?.silence ?? null

/** An act. Throws `ApiError` also where the gateway refuses it. */
export async function post(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '')
  const answer = await ask(given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`, { method: 'POST' })
  const body = await bodyOf(answer)
  if (answer.ok && body.ok !== false) return body
  throw new ApiError(answer.status, body.problem ?? body.detail ?? `the gateway answered ${answer.status}`)
}

/** Server-sent events, read by `fetch`, which can send the key. Resolves where the stream ends. */
export async function follow(path, onEvents, signal) {
  const answer = await ask(path, { signal })
  if (!answer.ok) throw new ApiError(answer.status, (await bodyOf(answer)).detail)
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let unread = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const blocks = (unread + value).split('\n\n')
    unread = blocks.pop()
    const events = blocks.flatMap(eventOf)
    if (events.length > 0) onEvents(events)
  }
}

/** WHATWG HTML §9.2.6; data of one line, as the gateway writes it. */
function eventOf(block) {
  const fields = new Map(block.split('\n').map((line) => [line.split(':', 1)[0], line.replace(/^[^:]*: ?/, '')]))
  return fields.has('data') ? [{ type: fields.get('event') ?? 'message', data: JSON.parse(fields.get('data')) }] : []
}
