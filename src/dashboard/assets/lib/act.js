/** An act needs a confirmation and a reason; what came of it is said. */
import { ApiError, post } from './api.js'
import { el, fill, given } from './dom.js'

export function say(text, kind = 'good') {
  const box = document.getElementById('said')
  fill(box, el(`p.toast.${kind}`, {}, text))
  clearTimeout(say.timer)
  say.timer = setTimeout(() => fill(box), 8000)
}

/**
 * Asks, acts, and says how it went. `fields`: further inputs as `{ name, label, options | type, value }`; `act(values)` defaults to a POST of
 * `path` with them; `said(answer)` is what is said once it is done. Resolves with what the gateway answered, or `null` where the act was given up.
 */
export function confirmAct({
  title,
  text,
  subject = null,
  path,
  needsReason = true,
  fields = [],
  word = 'Confirm',
  isDangerous = false,
  said = () => `Done: ${title}${subject === null ? '' : ` ${subject}`}`,
  act,
}) {
  return new Promise((resolve) => {
    const problem = el('p.notice.bad', { role: 'alert', hidden: true })
    const inputs = fields.map(inputOf)
    const reason = el('input', { name: 'reason', id: 'act-reason', required: needsReason, maxlength: '500', autocomplete: 'off' })
    const confirm = el(`button${isDangerous ? '.danger' : '.primary'}`, { type: 'submit' }, word)
    const cancel = el('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel')
    const form = el(
      'form',
      { onsubmit: (event) => void submit(event) },
      el('h2', { id: 'act-title' }, title, subject === null ? null : [' ', given(subject)]),
      el('p', {}, text),
      inputs,
      el('label', { for: 'act-reason' }, needsReason ? 'Reason (recorded)' : 'Reason (recorded, optional)'),
      reason,
      problem,
      el('div.buttons', {}, cancel, confirm),
    )
    const dialog = el('dialog', { 'aria-labelledby': 'act-title' }, form)
    let answer = null
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve(answer)
    })

    async function submit(event) {
      event.preventDefault()
      const values = Object.fromEntries(new FormData(form))
      confirm.disabled = true
      problem.hidden = true
      try {
        answer = await (act === undefined ? post(path, values) : act(values))
        dialog.close()
        say(said(answer))
      } catch (error) {
        if (!(error instanceof ApiError)) throw error
        problem.hidden = false
        fill(problem, error.message)
      } finally {
        confirm.disabled = false
      }
    }

    document.body.append(dialog)
    dialog.showModal()
    ;(inputs[0]?.querySelector('input, select') ?? reason).focus()
  })
}

function inputOf({ name, label, options, type = 'text', value = '', required = false, hint }) {
  const id = `act-${name}`
  const input =
    options === undefined
      ? el('input', { id, name, type, value, required, autocomplete: 'off' })
      : el(
          'select',
          { id, name },
          options.map(([key, text]) => el('option', { value: key, selected: key === value }, text)),
        )
  return el('div.field', {}, el('label', { for: id }, label), input, hint === undefined ? null : el('small', {}, hint))
}
