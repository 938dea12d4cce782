// Compiled by types.test.js with --strict; never run.
import { metrics as openTelemetryMetrics } from '@opentelemetry/api'
import type { Meter } from '@opentelemetry/api'
import { Registry } from 'prom-client'
import * as client from 'prom-client'
import { Pool } from '../..'
import { metrics, openTelemetry } from '../../metrics'
import type { Metrics } from '../../metrics'

const pool = new Pool<{ _add (a: number, b: number): number }>('adder.js')
const meter: Meter = openTelemetryMetrics.getMeter('mine')
const watched: Metrics[] = [
  metrics(),
  metrics({ client, register: new Registry(), pools: { adders: pool }, prefix: 'my_' }),
  openTelemetry(),
  openTelemetry({ meter, pools: { adders: pool }, prefix: 'my.' })
]
for (const it of watched) it.stop()
// @ts-expect-error not a meter
openTelemetry({ meter: {} })
