/** Prometheus' own tool on what Prometheus is given: alerts, the dashboard's queries, and what a server tells. */
import assert from 'node:assert/strict'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { afterwards, startServer, temporaryFolder } from '../test/cli/command.js'
import { s3Args, s3Environment } from '../test/support/mortal-server.js'
import { openBucket, patch, someBytes } from '../test/support/stack.js'
import { create } from '../test/support/workers.js'
import { buildPromtool, promtool } from './promtool.js'

const deploy = join(import.meta.dirname, '..', 'deploy')

before(async () => void (await buildPromtool()))

test('the alerts are rules that Prometheus loads', async () => {
  const { code, text } = await promtool([
    'check',
    'rules',
    '--lint=all',
    '--lint-fatal',
    join(deploy, 'prometheus', 'alerts.yaml'),
  ])
  assert.equal(code, 0, text)
})

test('they fire when they should, and not otherwise', async (context) => {
  const folder = temporaryFolder(context)
  await copyFile(join(deploy, 'prometheus', 'alerts.yaml'), join(folder, 'alerts.yaml'))
  await copyFile(join(import.meta.dirname, 'alerts.test.yaml'), join(folder, 'alerts.test.yaml'))
  const { code, text } = await promtool(['test', 'rules', join(folder, 'alerts.test.yaml')])
  assert.equal(code, 0, text)
})

test("each query of the dashboard is one of Prometheus'", async (context) => {
  const { panels } = JSON.parse(await readFile(join(deploy, 'grafana', 'holdfast.json'), 'utf8')) as {
    panels: { targets?: { expr: string }[] }[]
  }
  const queries = panels.flatMap(({ targets = [] }) =>
    targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m')),
  )
  const rules = queries.map((expr, index) => ({ record: `query:${index}`, expr }))
  const path = join(temporaryFolder(context), 'queries.yaml')
  await writeFile(path, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
  const { code, text } = await promtool(['check', 'rules', path])
  assert.equal(code, 0, text)
  assert.match(text, new RegExp(`${queries.length} rules found`))
})

for (const workers of ['1', '2']) {
  test(`what a server with ${workers} workers tells is what Prometheus reads, without a complaint`, async (context) => {
    const bucket = await openBucket()
    afterwards(context, () => bucket.close())
    const args = ['serve', '--port', '0', '--expose-metrics', '--workers', workers, ...s3Args(bucket.bucket)]
    const server = await startServer(context, args, s3Environment(bucket.bucket))
    assert.equal((await patch(await create(server.url, 1_000), 0, someBytes(1_000))).status, 204)
    const told = await (await fetch(new URL('/metrics', server.url))).text()
    // Of its own metrics alone; prom-client's of the process have other rules.
    const ours = told.split('\n').filter((line) => /^(# \w+ )?holdfast_/.test(line))
    assert.ok(ours.length > 100)
    const { code, text } = await promtool(['check', 'metrics'], `${ours.join('\n')}\n`)
    assert.equal(code, 0, text)
    assert.equal(text.trim(), '')
    const all = await promtool(['check', 'metrics'], told)
    assert.doesNotMatch(all.text, /error/i)
  })
}
