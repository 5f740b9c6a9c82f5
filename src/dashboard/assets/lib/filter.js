/** What is looked for in the log, as it is typed: `integration:weather decision:deny some words`. */
import { el } from './dom.js'

/** What the gateway can be asked for; the words that are left are looked for in the text. */
const keys = ['integration', 'decision', 'rule', 'host', 'path', 'method', 'kind', 'status', 'problem', 'identity', 'id', 'parent', 'type']

/** As a query of the API. */
export function queryOf(text, more = {}) {
  const query = new URLSearchParams(more)
  for (const [word] of text.matchAll(/\S+/g)) {
    const [, key, value] = /^([a-z]+):(.+)$/.exec(word) ?? []
    if (keys.includes(key)) query.append(key, value)
    else query.append('text', word)
  }
  return query
}

export function filterInput(value, onchange) {
  const input = el('input', {
    ...{
      type: 'search',
      value,
      'aria-label': 'Filter',
      placeholder: 'integration:weather decision:deny host:*.example.org status:5xx any words',
    },
    list: 'filter-keys',
    onchange: () => onchange(input.value.trim()),
  })
  const suggestions = ['decision:deny', 'decision:refused', 'decision:allow', 'status:5xx', 'status:429', ...keys.map((key) => `${key}:`)]
  return [
    input,
    el(
      'datalist',
      { id: 'filter-keys' },
      suggestions.map((suggestion) => el('option', { value: suggestion })),
    ),
  ]
}
