/** The package of a Rego module, read without a parser: it is the first statement of every module. */

const comments = /^(?:\s|#[^\n]*(?:\n|$))*/
const head = /^package\s+([A-Za-z_]\w*)/
const next = /^(?:\.([A-Za-z_]\w*)|\[\s*("(?:[^"\\\n]|\\.)*")\s*\])/

/** `package acme.hr["x y"]` → `['acme', 'hr', 'x y']`; `null` where there is no such statement. */
export function packageOf(text: string): readonly string[] | null {
  let rest = text.replace(comments, '')
  const first = head.exec(rest)
  if (first === null) return null
  const path = [first[1] ?? '']
  rest = rest.slice(first[0].length)
  for (let match = next.exec(rest); match !== null; match = next.exec(rest)) {
    const segment = match[1] ?? unquoted(match[2] ?? '')
    if (segment === null) return null
    path.push(segment)
    rest = rest.slice(match[0].length)
  }
  // Anything but the end of the statement means that the compiler would read another package than this.
  return /^[ \t\r]*(?:[;#\n]|$)/.test(rest) ? path : null
}

function unquoted(literal: string): string | null {
  try {
    return String(JSON.parse(literal))
  } catch {
    return null
  }
}
