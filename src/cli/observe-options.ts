/**
 * The rows of options.ts that are about metrics and traces.
 * @module
 */
import type { Rows } from './options.js'

export const metrics = {
  'expose-metrics': {
    type: 'boolean',
    default: 'false',
    help: 'Tell Prometheus (docs/metrics.md), on the port of the uploads: whoever reaches that can read it. Needs prom-client.',
  },
  'metrics-path': { type: 'string', default: '/metrics', help: 'The path where it is told.' },
  'metrics-port': {
    type: 'integer',
    max: 65_535,
    help: 'Tell it on a port of its own, and not on that of the uploads; 0 takes any that is free. Default: none.',
  },
  'metrics-host': { type: 'string', default: '127.0.0.1', help: 'The address to listen on with --metrics-port.' },
  'metrics-names': {
    type: 'string',
    default: 'holdfast',
    choices: ['holdfast', 'tusd', 'both'],
    help: 'Under whose names: those of tusd are for dashboards that there are already.',
  },
} as const satisfies Rows

export const tracing = {
  otel: {
    type: 'boolean',
    default: 'false',
    help: 'Trace by OpenTelemetry (docs/metrics.md#traces), as OTEL_* variables say. Needs @opentelemetry/sdk-node.',
  },
} as const satisfies Rows
