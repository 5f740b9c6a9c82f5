/** Alerts in a real Alertmanager: there while they are active, and ended when they are resolved. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAlerts } from '../../src/alerts/index.ts'
import { receiverOf, startAlertmanager, withoutAlertmanager } from '../support/alert-receivers.ts'
import { found, openStore } from '../support/alerts.ts'
import { eventually } from '../support/eventually.ts'
import { unless } from '../support/tools.ts'

const hasAlertmanager = unless(await withoutAlertmanager())

test(
  'Alertmanager has an alert with its labels, keeps it while it is active, and ends it with its resolution',
  hasAlertmanager,
  async (t) => {
    const manager = await startAlertmanager(t)
    const receiver = receiverOf({ type: 'alertmanager', url: `${manager.url}/`, labels: { team: 'platform' }, resend: 300 })
    const time = { now: Date.now() }
    const alerts = createAlerts({
      ...{ store: openStore().store, receivers: [receiver], now: () => time.now, onReceiver: () => {}, onChange: () => {} },
      resolveAfterMs: 3_600_000,
    })
    t.after(() => alerts.close())
    const { id = '' } = alerts.take(found({ at: time.now, detail: 'a "quoted" <b>detail</b>' }))?.alert ?? {}

    const first = await eventually('it is there', async () => (await manager.alerts())[0])
    assert.deepEqual(first.labels, {
      ...{ alertname: 'new-destination', severity: 'medium', integration: 'invoices', destination: 'files.example.net:443' },
      ...{ owner: 'team-billing@example.com', gateway: 'gw-1', team: 'platform' },
    })
    assert.deepEqual(
      [first.annotations['summary'], first.annotations['description'], first.annotations['alert'], first.status.state],
      ['First use of a destination', 'a "quoted" <b>detail</b>', id, 'active'],
    )
    await eventually('it was sent again', async () => Date.parse((await manager.alerts())[0]?.endsAt ?? '') > Date.parse(first.endsAt))

    alerts.take(found({ at: time.now, severity: 'critical' }))
    const worse = await eventually('its severity is another', async () => {
      const [only, ...rest] = await manager.alerts()
      return rest.length === 0 && only?.labels['severity'] === 'critical' ? only : null
    })
    assert.equal(worse.annotations['alert'], id)

    alerts.acknowledge(id, 'ana', 'known')
    await eventually('it says who knows of it', async () => (await manager.alerts())[0]?.annotations['acknowledged_by'] === 'ana')

    time.now += 3_600_000
    alerts.tick()
    await eventually('it is ended', async () => (await manager.alerts()).length === 0 && alerts.status().receivers[0]?.waiting === 0)
  },
)
