'use strict'

const { metrics } = require('./lib/metrics/prometheus')
const { openTelemetry } = require('./lib/metrics/opentelemetry')

module.exports = { metrics, openTelemetry }
