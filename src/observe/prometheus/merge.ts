/**
 * The metrics of several processes as those of one: what they have counted is added up, and what processes counted that have
 * ended stays in the sum, since a counter that falls looks like a restart to whoever scrapes it. Pure but for the text.
 * @module
 */
import { AggregatorRegistry, type MetricObject, type MetricObjectWithValues, type MetricValue } from 'prom-client'

/** One metric as `registry.getMetricsAsJSON()` gives it, and as it travels between processes. */
export type Snapshot = MetricObjectWithValues<Value>[]

type Value = MetricValue<string> & { metricName?: string }

/** What ended processes have counted, to be kept: no gauges and no quantiles, which are about what is. */
export function keepEnded(past: Snapshot, last: Snapshot): Snapshot {
  const counted = last
    .filter((metric) => typeOf(metric) !== 'gauge')
    .map((metric) => ({ ...metric, values: metric.values.filter((value) => !isQuantile(value)) }))
  return addUp([...past, ...counted])
}

/**
 * As Prometheus reads it.
 * @param past what ended processes have counted  @param present of each process that runs
 */
export async function textOf(past: Snapshot, present: readonly Snapshot[]): Promise<string> {
  const counted = present.flat().filter((metric) => typeOf(metric) !== 'gauge')
  // prom-client knows how gauges are joined. It would add up quantiles.
  const gauges = present.map((metrics) => metrics.filter((metric) => typeOf(metric) === 'gauge'))
  const others = addUp([...past, ...counted])
  return AggregatorRegistry.aggregate([others, ...gauges] as MetricObject[][]).metrics()
}

/** Values of the same metric and labels are added; of quantiles, which cannot be, the largest is taken. */
function addUp(metrics: Snapshot): Snapshot {
  const sums = new Map<string, { metric: Snapshot[number]; values: Map<string, Value> }>()
  for (const metric of metrics) {
    const known = sums.get(metric.name) ?? { metric, values: new Map() }
    sums.set(metric.name, known)
    for (const value of metric.values) {
      const key = keyOf(value)
      const before = known.values.get(key)
      known.values.set(key, before ? { ...value, value: joined(before, value) } : value)
    }
  }
  return [...sums.values()].map(({ metric, values }) => ({ ...metric, values: [...values.values()] }))
}

const joined = (one: Value, other: Value): number =>
  isQuantile(one) ? Math.max(one.value, other.value) : one.value + other.value

const isQuantile = ({ labels }: Value): boolean => 'quantile' in labels

const keyOf = ({ metricName, labels }: Value): string =>
  JSON.stringify([metricName, ...Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1))])

/** Its declared type is an enumeration that prom-client does not export as such. */
const typeOf = ({ type }: Snapshot[number]): string => String(type)
