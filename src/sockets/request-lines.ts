/**
 * Node's parser takes `RTSP/1.0` and `ICE/1.0` in a request line for HTTP, and does not show which it was. So the bytes of a request
 * are kept until its head is known, and its target is looked for in front of such a name. The parser gets every
 * chunk whole: cutting chunks at names let a body of nothing but names hold the event loop for a minute.
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

const names = [' RTSP/', ' ICE/']

/** Replaces Node's own listener, which must be there already, and passes chunks on to it. */
export class RequestLines {
  readonly #socket: Socket
  readonly #isInHead: () => boolean
  readonly #parse: (data: Buffer) => void
  #chunk: Buffer | null = null
  /** Earlier chunks of a request line that has not ended yet. */
  #earlier = ''
  /** Everything up to here belongs to headers. */
  #isLineWhole = false
  #wasInHead = true
  /** The parser reported a request in this chunk. */
  #hasFound = false
  /** Made once per chunk, however many requests are in it. */
  #targets: ReadonlySet<string> | null = null

  /** `isInHead`: the parser reads a head, or waits for one. */
  constructor(socket: Socket, isInHead: () => boolean) {
    this.#socket = socket
    this.#isInHead = isInHead
    const [parse] = socket.listeners('data') as ((data: Buffer) => void)[]
    if (parse === undefined) throw new Error('nothing parses this connection')
    this.#parse = parse
    socket.off('data', parse)
    socket.on('data', this.#look)
  }

  /** Further bytes are not HTTP, or are not wanted. */
  stop(): void {
    this.#socket.off('data', this.#look)
  }

  /**
   * Call it while the parser reports `req`. If its request line names another protocol, its version becomes 0.0, which is refused
   * like every unknown version. A request whose own target stands in front of such a name elsewhere in the same chunk is refused
   * as well.
   */
  check(req: IncomingMessage): void {
    this.#hasFound = true
    if (this.#chunk === null) return
    this.#targets ??= targetsOf(this.#earlier, this.#chunk)
    if (this.#targets.has(req.url ?? '')) Object.assign(req, { httpVersion: '0.0', httpVersionMajor: 0, httpVersionMinor: 0 })
  }

  /** What there is of the head that the parser reads now; empty where it follows something else in the same bytes. Latin-1. */
  head(): string {
    if (this.#chunk === null) return this.#earlier
    return this.#hasFound || !this.#wasInHead ? '' : this.#earlier + this.#chunk.toString('latin1')
  }

  readonly #look = (chunk: Buffer): void => {
    this.#chunk = chunk
    this.#hasFound = false
    this.#targets = null
    this.#parse.call(this.#socket, chunk)
    this.#chunk = null
    this.#keep(chunk)
  }

  /** Bytes that the next request line may have begun with. */
  #keep(chunk: Buffer): void {
    const isInHead = this.#isInHead()
    if (!isInHead || this.#hasFound || !this.#wasInHead) {
      this.#isLineWhole = false
      this.#earlier = isInHead && !endsHead(chunk) ? chunk.toString('latin1') : ''
    } else if (!this.#isLineWhole) {
      const text = chunk.toString('latin1')
      if (/[^\r\n]/.test(text)) this.#earlier += text
      this.#isLineWhole = /[^\r\n]\r?\n/.test(text)
    }
    this.#wasInHead = isInHead
  }
}

const none: ReadonlySet<string> = new Set()

/** Each word that stands in front of a name. */
function targetsOf(earlier: string, chunk: Buffer): ReadonlySet<string> {
  if (earlier === '' && !names.some((name) => chunk.includes(name, 0, 'latin1'))) return none
  const text = earlier + chunk.toString('latin1')
  const targets = new Set<string>()
  for (const name of names)
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + name.length)) {
      let end = at
      while (end > 0 && text[end - 1] === ' ') end -= 1
      if (end > 0) targets.add(text.slice(text.lastIndexOf(' ', end - 1) + 1, end))
    }
  return targets
}

function endsHead(chunk: Buffer): boolean {
  const { length } = chunk
  return length >= 4 && chunk[length - 1] === 0x0a && chunk[length - 2] === 0x0d && chunk[length - 3] === 0x0a && chunk[length - 4] === 0x0d
}
