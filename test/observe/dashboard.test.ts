/** The dashboard and the alerts ask for metrics and labels that a server tells, in files that Grafana and Prometheus load. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { prometheusMetrics } from '../../src/observe/prometheus/index.js'
import { everyEvent, shapeOf } from '../support/metrics.js'

const deploy = join(import.meta.dirname, '..', '..', 'deploy')
const dashboard = JSON.parse(readFileSync(join(deploy, 'grafana', 'holdfast.json'), 'utf8')) as Dashboard
const alerts = readFileSync(join(deploy, 'prometheus', 'alerts.yaml'), 'utf8')

interface Panel {
  id: number
  type: string
  title: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: { type: string; uid: string }
  targets?: { refId: string; expr: string; legendFormat: string }[]
}

interface Dashboard {
  uid: string
  title: string
  schemaVersion: number
  panels: Panel[]
  templating: { list: { name: string; type: string; definition?: string }[] }
}

/** Name → type and labels, of all that can be told. */
async function told(): Promise<Map<string, { type: string; labels: ReadonlySet<string> }>> {
  const metrics = prometheusMetrics({ connections: () => 1 })
  everyEvent(metrics)
  const lines = shapeOf(await metrics.text()).map((line) => line.split(' '))
  return new Map(lines.map(([name, type, labels = '']) => [name!, { type: type!, labels: new Set(labels.split(',')) }]))
}

/** What Prometheus adds. */
const OURS = ['job', 'instance', 'le']

/** The metrics that an expression asks for, with the labels that it selects; and the labels that it groups by. */
function partsOf(expression: string) {
  const selected = [...expression.matchAll(/\b((?:holdfast|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)].map(
    ([, metric, selector = '']) => ({
      metric: metric!,
      labels: [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!),
    }),
  )
  const grouped = [...expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, labels]) => labels!.split(/, */))
  return { selected, grouped }
}

async function mustBeTold(expression: string, where: string): Promise<void> {
  const all = await told()
  const { selected, grouped } = partsOf(expression)
  assert.notEqual(selected.length, 0, where)
  const known = new Set(OURS)
  for (const { metric, labels } of selected) {
    const suffix = /_(bucket|sum|count)$/.exec(metric)?.[0] ?? ''
    const found = all.get(metric) ?? all.get(metric.slice(0, metric.length - suffix.length))
    assert.ok(found, `${where}: no metric ${metric}`)
    if (suffix !== '' && !all.has(metric)) assert.equal(found.type, 'histogram', `${where}: ${metric}`)
    for (const label of found.labels) known.add(label)
    for (const label of labels)
      assert.ok(found.labels.has(label) || OURS.includes(label), `${where}: ${metric} has no ${label}`)
    const isCounted = found.type === 'counter' || suffix !== ''
    const pattern = new RegExp(`\\b(rate|increase)\\(\\s*${metric}\\b`)
    assert.equal(
      pattern.test(expression),
      isCounted,
      `${where}: a counter is asked for its rate, a gauge is not: ${metric}`,
    )
  }
  for (const label of grouped) assert.ok(known.has(label), `${where}: nothing has the label ${label}`)
}

const charts = dashboard.panels.filter(({ type }) => type !== 'row')

test('the dashboard is one that Grafana 10 and later load', () => {
  assert.ok(dashboard.schemaVersion >= 36 && dashboard.schemaVersion <= 41)
  assert.equal(dashboard.uid, 'holdfast')
  const ids = dashboard.panels.map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
  for (const { title, datasource, targets } of charts) {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Grafana's.
    assert.deepEqual(datasource, { type: 'prometheus', uid: '${datasource}' }, title)
    assert.ok(targets && targets.length > 0, title)
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title)
  }
  assert.deepEqual(
    dashboard.templating.list.map(({ name }) => name),
    ['datasource', 'job', 'instance'],
  )
})

test('no panel lies on another, and none sticks out', () => {
  for (const { gridPos, title, id } of dashboard.panels) {
    assert.ok(gridPos.x + gridPos.w <= 24, title)
    for (const other of dashboard.panels) {
      const { x, y, w, h } = other.gridPos
      const overlaps = gridPos.x < x + w && x < gridPos.x + gridPos.w && gridPos.y < y + h && y < gridPos.y + gridPos.h
      assert.ok(other.id === id || !overlaps, `${title} and ${other.title}`)
    }
  }
})

for (const { title, targets } of charts) {
  test(`dashboard, ${title}: asks for what there is`, async () => {
    for (const { expr, legendFormat } of targets!) {
      await mustBeTold(expr, title)
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        assert.ok(
          partsOf(expr).grouped.includes(label!),
          `${title}: the legend names ${label}, by which nothing is grouped`,
        )
      }
    }
  })
}

/** Of each alert its lines. */
const rules = alerts
  .split(/^ {6}- alert: /m)
  .slice(1)
  .map((text) => ({ name: text.split('\n', 1)[0]!, text }))

test('each alert has a severity, a summary and a description', () => {
  assert.ok(rules.length >= 10)
  for (const { name, text } of rules) {
    assert.match(text, /severity: (critical|warning)/, name)
    assert.match(text, /summary: /, name)
    assert.match(text, /description: /, name)
  }
})

for (const { name, text } of rules) {
  if (name === 'HoldfastDown') continue
  test(`alert ${name}: asks for what there is`, async () => {
    const expression = /expr: \|?([\s\S]*?)\n {8}(?:for|labels):/.exec(text)![1]!
    await mustBeTold(expression, name)
  })
}

test('each metric of ours is on the dashboard, in an alert, or named here', async () => {
  const asked = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join('\n') + alerts
  const names = [...(await told()).keys()].filter((name) => name.startsWith('holdfast_'))
  assert.deepEqual(
    names.filter((name) => !asked.includes(name)),
    ['holdfast_sweeps_total'],
  )
})
