/** Where the keys and numbers of a JSON text stand, and which object each belongs to. */

export interface JsonVisitor {
  /** From quote to quote, both included; `isEscaped`: it has a backslash, so that its spelling is not its name. */
  key?(start: number, end: number, isEscaped: boolean): void
  number?(start: number, end: number): void
  open?(kind: 'object' | 'array'): void
  close?(): void
}

const quote = 0x22
const backslash = 0x5c

/**
 * `text` is valid JSON: in it nothing but a string begins with a quote. One pass by hand: an expression that looks for a
 * key tries each quote of a text within the text, and has no room for a string of megabytes.
 */
export function scanJson(text: string, { key, number, open, close }: JsonVisitor): void {
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
        open?.('object')
        break
      case 0x5b: // [
        open?.('array')
        break
      case 0x7d: // }
      case 0x5d: // ]
        close?.()
        break
      case quote: {
        const start = at
        let isEscaped = false
        for (at += 1; at < text.length && text.charCodeAt(at) !== quote; at += 1) {
          if (text.charCodeAt(at) !== backslash) continue
          isEscaped = true
          at += 1
        }
        if (key !== undefined && isFollowedByColon(text, at + 1)) key(start, at + 1, isEscaped)
        break
      }
      default:
        if (number !== undefined && beginsNumber(text.charCodeAt(at))) {
          const start = at
          while (isNumeric(text.charCodeAt(at + 1))) at += 1
          number(start, at + 1)
        }
    }
  }
}

function beginsNumber(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2d
}

function isNumeric(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x2e || code === 0x2b || code === 0x65 || code === 0x45
}

function isFollowedByColon(text: string, from: number): boolean {
  let at = from
  while (isSpace(text[at])) at += 1
  return text[at] === ':'
}

/** RFC 8259 §2. */
function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\n' || character === '\t' || character === '\r'
}
