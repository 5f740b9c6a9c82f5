/** What manifests that say nothing get in tests that look at something else: the smallest values there are. */
import type { ManifestDefaults } from '../../src/manifests/decode.ts'

export const smallDefaults: ManifestDefaults = {
  limits: {
    arrivals: { rate: 1, burst: 1 },
    requests: { rate: 1, burst: 1 },
    bytesOut: { rate: 1, burst: 1 },
    bytesIn: { rate: 1, burst: 1 },
    concurrency: 1,
    connections: 1,
  },
  breaker: { errorThresholdPercent: 50, minimumRequests: 1, windowMs: 1, resetMs: 1 },
}
