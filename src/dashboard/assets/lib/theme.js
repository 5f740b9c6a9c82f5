/** Dark or light: as the system has it, or as it was chosen here. */
import { el, fill } from './dom.js'

const stored = 'sallyport-theme'
const order = ['system', 'light', 'dark']
const signs = { system: '◐', light: '☀', dark: '☾' }
const listeners = new Set()

export function onTheme(listener) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

const chosen = () => (order.includes(localStorage.getItem(stored)) ? localStorage.getItem(stored) : 'system')

export function applyTheme() {
  const theme = chosen()
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
  for (const listener of listeners) listener()
}

export function themeButton() {
  const button = el('button.plain', { type: 'button', onclick: next })
  const show = () => {
    fill(button, el('span', { 'aria-hidden': 'true' }, signs[chosen()]))
    button.setAttribute('aria-label', `Theme: ${chosen()}. Change`)
    button.title = `Theme: ${chosen()}`
  }
  function next() {
    localStorage.setItem(stored, order[(order.indexOf(chosen()) + 1) % order.length])
    applyTheme()
    show()
  }
  show()
  return button
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', applyTheme)
