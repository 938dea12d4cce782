import { Pool } from './index.js'

/** Figures of every sandbox of this thread, and of the pools given, as metrics of prom-client. */
export function metrics (options?: MetricsOptions): Metrics

export interface MetricsOptions {
  /** The prom-client to use. By default the one that is installed. */
  client?: any
  /** Where the metrics are registered. By default the client's own registry. */
  register?: any
  /** Pools by the name that their metrics carry as a label. */
  pools?: Record<string, Pool>
  /** @default 'emvm_' */
  prefix?: string
}

export interface Metrics {
  /** Takes the metrics out of the registry and stops listening. */
  stop (): void
}
