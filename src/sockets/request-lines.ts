/**
 * Node's parser takes `RTSP/1.0` and `ICE/1.0` in a request line for HTTP, and nothing that it gives tells. So the bytes of a
 * connection are looked at before it gets them: where such a name stands, it is given what is in front of it first, and what
 * it waits for then tells what the name is a part of. Bodies and headers may say what they like.
 */
import type { Socket } from 'node:net'

export interface RequestLinesOptions {
  /** The parser reads a head, or waits for one. */
  readonly isInHead: () => boolean
  /** A request line names another protocol. The parser is given nothing any more. */
  readonly refuse: () => void
}

const protocols = [Buffer.from(' RTSP/'), Buffer.from(' ICE/')]
const newline = 0x0a
/** Longer than any method: so many bytes tell a request line from a header. */
const tellingBytes = 40

/** Takes the place of Node's own listener, which has to be there, and passes on to it. */
export class RequestLines {
  readonly #socket: Socket
  readonly #options: RequestLinesOptions
  readonly #parse: (data: Buffer) => void
  /** The line that has not ended yet: whether it began in a head, and its first bytes. `null`: it begins with the next byte. */
  #beganInHead: boolean | null = null
  #begin = ''
  /** Ends a request line, and may be the first half of a name. */
  #held: Buffer | null = null
  #isOver = false

  constructor(socket: Socket, options: RequestLinesOptions) {
    this.#socket = socket
    this.#options = options
    const [parse] = socket.listeners('data') as ((data: Buffer) => void)[]
    if (parse === undefined) throw new Error('nothing parses this connection')
    this.#parse = parse
    socket.off('data', parse)
    socket.on('data', this.#look)
  }

  /** What comes from now on is no HTTP, or is not wanted. */
  stop(): void {
    this.#isOver = true
    this.#socket.off('data', this.#look)
  }

  readonly #look = (chunk: Buffer): void => {
    // As most heads come: whole lines, and no name in them.
    if (this.#held === null && this.#beganInHead === null && chunk[chunk.length - 1] === newline && nextName(chunk, 0) < 0) {
      this.#parse.call(this.#socket, chunk)
      return
    }
    const data = this.#held === null ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = null
    const taken = this.#take(data)
    // The rest is for whoever has taken the connection over, or for when it is read on.
    if (taken < data.length && !this.#socket.destroyed) this.#socket.unshift(data.subarray(taken))
  }

  /** Gives how far it came. */
  #take(data: Buffer): number {
    let from = 0
    for (let name = nextName(data, 0); name >= 0; name = nextName(data, name + 1)) {
      from = this.#give(data, from, name)
      if (from < name || this.#isOver) return from
      if (!this.#isInRequestLine()) continue
      this.stop()
      this.#options.refuse()
      return data.length
    }
    const half = halfName(data)
    from = this.#give(data, from, half)
    if (from < half || half === data.length) return from
    if (this.#isOver || !this.#isInRequestLine()) return this.#give(data, half, data.length)
    this.#held = data.subarray(half)
    return data.length
  }

  /** To the parser, up to `to`; gives how far that came. Each line is begun apart, since where it begins tells what it is. */
  #give(data: Buffer, from: number, to: number): number {
    if (this.#isOver || from === to) return from
    this.#beganInHead ??= this.#options.isInHead()
    const lineAt = Math.max(from, data.lastIndexOf(newline, to - 1) + 1)
    if (lineAt > from) {
      this.#pass(data, from, lineAt)
      if (this.#isOver) return lineAt
      this.#beganInHead = lineAt === data.length ? null : this.#options.isInHead()
      this.#begin = ''
    }
    // Paused at the end of a head: what is behind it waits, too.
    if (lineAt === to || this.#socket.readableFlowing === false) return lineAt
    if (this.#begin.length < tellingBytes) this.#begin += data.toString('latin1', lineAt, Math.min(to, lineAt + tellingBytes))
    this.#pass(data, lineAt, to)
    return to
  }

  #pass(data: Buffer, from: number, to: number): void {
    this.#parse.call(this.#socket, to - from === data.length ? data : data.subarray(from, to))
  }

  /** A line that began in a body, and is in a head now, has the end of the one before it. */
  #isInRequestLine(): boolean {
    return this.#options.isInHead() && (!this.#beganInHead || /^[^\s:]+ /.test(this.#begin))
  }
}

function nextName(data: Buffer, from: number): number {
  let first = -1
  for (const protocol of protocols) {
    const at = data.indexOf(protocol, from)
    if (at >= 0 && (first < 0 || at < first)) first = at
  }
  return first
}

/** Where the first half of a name begins at the end of `data`; its length where none does. */
function halfName(data: Buffer): number {
  const last = data[data.length - 1]
  if (last === newline) return data.length
  for (const protocol of protocols)
    for (let length = Math.min(protocol.length - 1, data.length); length > 0; length -= 1)
      if (data.subarray(data.length - length).equals(protocol.subarray(0, length))) return data.length - length
  return data.length
}
