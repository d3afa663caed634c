/**
 * Makes docs/providers.md anew from a run of the tests: `node --import tsx test-providers/measure.ts [names]`. With no
 * name, all servers; with `--page`, nothing is run and only the page is written again.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Report } from '../src/s3/doctor/index.js'
import { type Counts, MEASURED_FILE, type Measured, PAGE_FILE, readMeasured, withTables } from './page.js'
import { SERVER_NAMES, SERVERS, type ServerName } from './servers/index.js'

const HERE = import.meta.dirname

function measure(name: ServerName): Measured {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-measure-'))
  const counted = join(folder, 'counts.json')
  const reporters = [
    '--test-reporter=spec',
    '--test-reporter-destination=stderr',
    `--test-reporter=${join(HERE, 'reporter.mjs')}`,
    `--test-reporter-destination=${counted}`,
  ]
  const env = { ...process.env, HOLDFAST_PROVIDERS: name, HOLDFAST_MEASURES: folder }
  const args = ['--import', 'tsx', '--test', '--test-timeout=900000', ...reporters, join(HERE, `${name}.test.ts`)]
  const { status } = spawnSync(process.execPath, args, { env, stdio: 'inherit' })
  if (status !== 0) throw new Error(`${name}: tests failed, so there is nothing to write down`)
  const groups = JSON.parse(readFileSync(counted, 'utf8')) as Record<string, Counts>
  const report = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Report
  rmSync(folder, { recursive: true })
  const { provider, facts, options, findings } = report
  return {
    version: SERVERS[name].version,
    date: new Date().toISOString().slice(0, 10),
    groups,
    doctor: {
      provider: provider.id,
      facts,
      options,
      rows: findings.filter(({ group }) => group !== 'Speed' && group !== 'Connection'),
    },
  }
}

const names = process.argv.slice(2)
for (const name of names[0] === '--page' ? [] : names.length > 0 ? (names as ServerName[]) : SERVER_NAMES) {
  const measured = measure(name)
  writeFileSync(MEASURED_FILE, `${JSON.stringify({ ...readMeasured(), [name]: measured }, undefined, 2)}\n`)
}
writeFileSync(PAGE_FILE, withTables(readFileSync(PAGE_FILE, 'utf8')))
