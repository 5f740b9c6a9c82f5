/** Alerts and incidents: acknowledge, contain, export. What of it is off is said. */
import { getIfThere } from '../lib/api.js'
import { el, fill } from '../lib/dom.js'
import { card, notice } from '../lib/parts.js'

export function render({ main }) {
  const body = el('div', {})
  fill(main, el('h1', {}, 'Alerts'), body)
  getIfThere('/v1/alerts')
    .then((alerts) => {
      if (alerts === null)
        fill(body, card(null, el('p', {}, 'Watching is off: "watch: {}" in sallyport.yaml keeps baselines and raises alerts.')))
    })
    .catch((error) => fill(body, notice('bad', error.message)))
  return { stop: () => {} }
}
