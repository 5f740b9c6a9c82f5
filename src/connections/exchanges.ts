/** Every exchange that is under way, so that those of an integration which is stopped end at once, whichever connection they came over. */
import type { Contained, Exchange, Exchanges } from '../core/index.ts'

export interface ExchangesStation extends Exchanges {
  /** A connection may carry requests of several integrations: only those of this one end. */
  stop(integration: string, contained: Contained): void
}

export function createExchanges(): ExchangesStation {
  const open = new Set<Exchange>()
  return {
    began: (exchange) => void open.add(exchange),
    ended: (exchange) => void open.delete(exchange),
    stop(integration, contained) {
      for (const exchange of open) if (exchange.integration === integration) exchange.stop(contained)
    },
  }
}
