/** What operators can ask for, as the member `act` of `acted` names it. */

export const acts = [
  'reload',
  'activate',
  'rollback',
  'follow',
  'suspend',
  'resume',
  'contain',
  'lift',
  'approve',
  'rotate-ca',
  'hold',
  'release',
  'archive',
  'open-incident',
  'note-incident',
  'close-incident',
  'acknowledge',
  'test-receiver',
] as const

export type Act = (typeof acts)[number]
