/** Makes elements. Whatever is shown is a text node: no name, path or reason ever becomes markup. */

/** Controls, marks of direction and what is not seen, which could make a name look like another or act on a terminal it is copied to. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu

const escaped = (character) => `\\u{${character.codePointAt(0).toString(16)}}`

/** On one line, with what is not seen written out. */
export function visible(text) {
  return String(text).replace(unseen, escaped)
}

/** The same, and line ends stay. */
function visibleLines(text) {
  return String(text).split('\n').map(visible).join('\n')
}

/**
 * `el('td.number', { title: 'x' }, 'text', node, null)`. Attributes whose value is `false`, `null` or `undefined` are left out; functions are
 * listeners (`onclick`). Links lead only to pages of the dashboard.
 */
export function el(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split('.')
  const element = document.createElement(tag)
  if (classes.length > 0) element.className = classes.join(' ')
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue
    if (typeof value === 'function') element.addEventListener(key.slice(2), value)
    else if (key === 'href' && !String(value).startsWith('#')) throw new Error('a link leads to a page of the dashboard')
    else if (key === 'value') element.value = value
    else element.setAttribute(key, value === true ? '' : visible(value))
  }
  fill(element, ...children)
  return element
}

/** In place of what is in it. */
export function fill(element, ...children) {
  const nodes = children.flat(4).filter((child) => child !== null && child !== undefined && child !== false)
  element.replaceChildren(...nodes.map((child) => (child instanceof Node ? child : document.createTextNode(visible(child)))))
  return element
}

/** What others chose, isolated from the direction of the text around it. */
export function given(text, name = 'bdi') {
  return el(name, name === 'bdi' ? { class: 'given' } : { class: 'given', dir: 'auto' }, text)
}

/** Text of several lines as it is. */
export function lines(text) {
  const pre = el('pre', { tabindex: '0', dir: 'ltr' })
  pre.textContent = visibleLines(text)
  return pre
}

/** For screen readers alone. */
export function unseenText(text) {
  return el('span.unseen', {}, text)
}
