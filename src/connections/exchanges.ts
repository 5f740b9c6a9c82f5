/** Every exchange that is under way, so that those of an integration which is stopped end at once, whichever connection they came over. */
import type { Contained, Exchange, Exchanges } from '../core/index.ts'

export interface ExchangesStation extends Exchanges {
  /** A connection may carry requests of several integrations: only those of this one end. */
  stop(integration: string, contained: Contained): void
}

/**
 * A list in which the last one takes the place of one that ends. A `Set` makes a new table every few dozen requests, and tables that
 * are old by then keep requests that have ended from V8's young collector: a third of the CPU of each request.
 */
export function createExchanges(): ExchangesStation {
  const open: Exchange[] = []
  return {
    began(exchange) {
      exchange.place = open.length
      open.push(exchange)
    },
    ended(exchange) {
      if (open[exchange.place] !== exchange) return
      const last = open.pop() as Exchange
      if (last === exchange) return
      open[exchange.place] = last
      last.place = exchange.place
    },
    stop(integration, contained) {
      // Each takes itself off the list.
      for (const exchange of [...open]) if (exchange.integration === integration) exchange.stop(contained)
    },
  }
}
