import { Pool } from './index.js'

/** Figures of every sandbox of this thread, and of the pools given, as metrics of prom-client. */
export function metrics (options?: MetricsOptions): Metrics

/** The same as instruments of OpenTelemetry, observed when a reader collects. */
export function openTelemetry (options?: OpenTelemetryOptions): Metrics

export interface MetricsOptions {
  /** The prom-client to use. By default the one that is installed. */
  client?: any
  /** Where the metrics are registered. By default the client's own registry. */
  register?: any
  /** Pools by the name that their metrics carry as a label. */
  pools?: Record<string, Pool<any>>
  /** @default 'emvm_' */
  prefix?: string
}

export interface OpenTelemetryOptions {
  /** The meter whose instruments are made. By default that of the global provider of `@opentelemetry/api`, named 'emvm'. */
  meter?: ObservingMeter
  /** Pools by the name that their metrics carry as an attribute. */
  pools?: Record<string, Pool<any>>
  /** @default 'emvm.' */
  prefix?: string
}

/** What is used of a `Meter` of `@opentelemetry/api`. */
export interface ObservingMeter {
  createObservableCounter (name: string, options?: { unit?: string, description?: string }): any
  createObservableUpDownCounter (name: string, options?: { unit?: string, description?: string }): any
  createObservableGauge (name: string, options?: { unit?: string, description?: string }): any
  addBatchObservableCallback (callback: (result: any) => void, observables: any[]): void
  removeBatchObservableCallback (callback: (result: any) => void, observables: any[]): void
}

export interface Metrics {
  /** Takes the metrics away and stops listening. */
  stop (): void
}
