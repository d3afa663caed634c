import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockOf, withBlock } from '../../bench/speed/document.js'
import { compared, violations } from '../../bench/speed/guarded.js'
import { plotsOf } from '../../bench/speed/plots.js'
import { selfTimes } from '../../bench/speed/profile.js'
import { tablesOf } from '../../bench/speed/report.js'
import type { Figures, Result, Results } from '../../bench/speed/results.js'
import { SCENARIOS, type Scenario, type ScenarioName } from '../../bench/speed/scenarios.js'
import { barChart } from '../../bench/speed/svg.js'
import { targetsOf } from '../../bench/speed/targets.js'

const FIGURES: Figures = {
  cpu: [1, 2],
  load: [0.1, 0.1],
  sink: [0.2, 0.2],
  rate: [1, 0.5],
  requests: { PutObject: 2, UploadPart: 1 },
  amplification: 1,
  post: [1.25, 2],
  firstByte: [3, 4],
  end: [5, null],
  peak: 100e6,
  failures: {},
  uploads: 10,
}

const scenarioOf = (wanted: ScenarioName): Scenario => SCENARIOS.find(({ name }) => name === wanted)!

const resultOf = (name: ScenarioName, ours: Partial<Figures> = {}, more: Record<string, Figures> = {}): Result => ({
  scenario: scenarioOf(name),
  figures: { floor: FIGURES, Holdfast: { ...FIGURES, cpu: [1.5, 2.4], ...ours }, ...more },
})

const resultsOf = (...results: Result[]): Results => ({
  machine: { date: '2026-01-02' },
  versions: { Holdfast: '0.1.0' },
  command: 'npm run bench -- ',
  results,
})

const LARGE = '256 MiB, 4 at once'
const SMALL = '64 KiB, 16 at once'

test('a table tells the medians, and ratios to the floor with their spread', () => {
  const row = tablesOf([resultOf(LARGE)])
    .split('\n')
    .find((line) => line.startsWith('| Holdfast'))
  const cells = [
    'Holdfast',
    '1.95',
    '1.35 (1.20–1.50)',
    '768',
    '1.00',
    '3.0',
    '1.00',
    '1.3 / 2.0',
    '3.0 / 4.0',
    '5.0 / -',
    '100',
  ]
  assert.equal(row, `| ${cells.join(' | ')} |`)
})

test('small uploads are told by their number', () => {
  const table = tablesOf([resultOf(SMALL, { cpu: [0.002, 0.003], rate: [400, 500] })])
  assert.match(table, /CPU ms\/upload .* uploads\/s/)
  assert.match(table, /^\| Holdfast \| 2\.50 \|[^|]*\| 450 \|/m)
})

test('failures are named in the row and told below it', () => {
  const failures = { 'PATCH: 500 ERR_X': { times: 2, first: 1.25 }, 'not done within 120 s': { times: 1, first: 120 } }
  const table = tablesOf([resultOf(LARGE, { failures })])
  assert.match(table, /^\| Holdfast \(failures\) \|/m)
  assert.match(
    table,
    /Failures of Holdfast, of 10 uploads: 2 × PATCH: 500 ERR_X \(the first after 1\.3 s\); 1 × not done within 120 s \(after 120\.0 s\)\./,
  )
})

test('a server that never ran has a row of its own, without figures', () => {
  const none = {
    ...FIGURES,
    cpu: [],
    load: [],
    sink: [],
    rate: [],
    peak: null,
    failures: { 'ended with 1': { times: 1, first: 0 } },
  }
  const table = tablesOf([resultOf(LARGE, none)])
  assert.match(table, /^\| Holdfast \(failures\) \| - \| - \| - \| - \|.*\| - \|$/m)
})

test('a rate that is the clients’ or the sink’s is told to be so', () => {
  const told = tablesOf([resultOf(LARGE, { load: [0.9, 0.9], rate: [1, 1] })])
  assert.match(told, /Holdfast: the clients used 90 % of a core, so the rate is theirs\./)
  assert.doesNotMatch(tablesOf([resultOf(LARGE)]), /so the rate is theirs/)
})

test('what the clients and S3 used is told beside the servers', () => {
  const table = tablesOf([resultOf(LARGE, { load: [0.3, 0.3] })])
  assert.match(table, /Beside the server the clients used 0\.10 to 0\.30, and S3 used 0\.20 CPU s\/GiB\./)
})

test('targets are held against the figures of one run', () => {
  const peer = { '@tus/server': { ...FIGURES, cpu: [9, 9], rate: [0.1, 0.1] }, tusd: { ...FIGURES, cpu: [1, 1] } }
  const targets = targetsOf(resultsOf(resultOf(LARGE, {}, peer), resultOf(SMALL, { requests: { PutObject: 4 } })))
  const told = (part: string) =>
    targets.filter(({ text }) => text.includes(part)).map(({ reached, isMet }) => [reached, isMet])
  assert.deepEqual(told('processor time of large uploads'), [['1.35 times', true]])
  assert.deepEqual(told('of `@tus/server`'), [['4.88 times', true]])
  assert.deepEqual(told('of tusd to'), [['0.54 times', false]])
  assert.deepEqual(told('requests to S3 for a small'), [['4.00', false]])
  assert.deepEqual(told('slow clients: memory'), [[undefined, undefined]])
})

test('each target is of a scenario and a server that there are', () => {
  const full = resultsOf(
    ...SCENARIOS.map(({ name }) =>
      resultOf(name, {}, { '@tus/server': FIGURES, tusd: FIGURES, 'tusd, no hashes': FIGURES }),
    ),
  )
  for (const { text, reached } of targetsOf(full)) assert.ok(reached, text)
})

test('the guard tells ratios beside those of the committed run', () => {
  const [cpu, requests] = compared(
    [resultOf(LARGE)],
    resultsOf(resultOf(LARGE, { cpu: [2, 4], requests: { UploadPart: 7 } })),
  )
  assert.deepEqual(cpu, { what: `${LARGE}: processor time, to the floor`, here: '1.35', there: '2.00' })
  assert.deepEqual(requests, { what: `${LARGE}: requests to S3 for each upload`, here: '3.0', there: '7.0' })
  assert.equal(compared([resultOf(LARGE)], resultsOf())[0]?.there, '-')
})

test('the guard asserts what does not depend on the machine, and no time', () => {
  const slow = resultOf(LARGE, { cpu: [100, 100], rate: [0.001, 0.001] })
  assert.deepEqual(violations([slow, resultOf(SMALL)]), [])
  const one = (name: ScenarioName, ours: Partial<Figures>): string | undefined => violations([resultOf(name, ours)])[0]
  assert.match(one(SMALL, { requests: { PutObject: 4 } })!, /4 requests to S3 for an upload, not 3/)
  assert.match(one(LARGE, { amplification: 1.1 })!, /1\.1 bytes to S3 for each, more than 1\.05/)
  assert.match(one('64 MiB in PATCHes of 5 MiB, 4 at once', { amplification: 1.1 })!, /more than 1\.05/)
  assert.equal(one('32 MiB in PATCHes of 1 MiB, 4 at once', { amplification: 1.9 }), undefined)
  assert.match(one('32 MiB in PATCHes of 1 MiB, 4 at once', { amplification: 2.1 })!, /more than 2/)
  assert.match(
    one(LARGE, { failures: { 'PATCH: 500': { times: 1, first: 1 } } })!,
    /Holdfast failed 1 of 10: PATCH: 500/,
  )
})

test('a run without a server or without figures is no success', () => {
  assert.match(
    violations([{ scenario: scenarioOf(SMALL), figures: { floor: FIGURES } }])[0]!,
    /Holdfast was not measured/,
  )
  assert.match(violations([resultOf(SMALL, { cpu: [] })])[0]!, /Holdfast was not measured/)
})

test('a chart has a bar, a name and a value for each server, and its text is text', () => {
  const bar = { name: 'a<b', colour: '#123456', value: 2, least: 1, greatest: 4, label: '2.0' }
  const chart = {
    title: 'Title & more',
    subtitle: 'seconds',
    groups: [{ name: 'group', bars: [bar] }],
  }
  const svg = barChart(chart)
  assert.match(svg, /<title id="title">Title &amp; more<\/title>/)
  assert.match(svg, />a&lt;b<\/text>/)
  assert.match(svg, />2\.0<\/text>/)
  assert.match(svg, /fill="#123456"/)
  assert.match(svg, /prefers-color-scheme: dark/)
  const [, width] = /<rect x="150" [^>]*width="([\d.]+)"/.exec(svg)!
  const [, x1, x2] = /class="whisker" x1="([\d.]+)" x2="([\d.]+)"/.exec(svg)!
  // The greatest round ends where the room for bars ends; the bar is half of it.
  assert.deepEqual([Number(x2) - 150, Number(width), Number(x1) - 150], [460, 230, 115])
})

test('a bar of one value has no line across it', () => {
  const bar = { name: 'a', colour: '#123456', value: 2, least: 2, greatest: 2, label: '2' }
  const svg = barChart({ title: 't', subtitle: 's', groups: [{ name: 'g', bars: [bar] }] })
  assert.doesNotMatch(svg, /<line/)
})

test('plots are of what was measured', () => {
  const files = (results: Results): string[] => plotsOf(results).map(({ file }) => file)
  assert.deepEqual(files(resultsOf(resultOf(LARGE))), ['cpu-large.svg', 'rate-large.svg', 'memory.svg'])
  assert.equal(files(resultsOf(resultOf(LARGE), resultOf(SMALL))).length, 6)
  assert.deepEqual(files(resultsOf()), [])
})

test('a block is put between the marks of a page, and replaces what was there', () => {
  const page = '# Page\n\n<!-- bench:begin -->\n\nwhat was there\n\n<!-- bench:end -->\n\nend\n'
  const written = withBlock(page, blockOf(resultsOf(resultOf(LARGE))))
  assert.match(written, /^# Page\n\n<!-- bench:begin -->\n\n### The run\n/)
  assert.match(written, /\n\n<!-- bench:end -->\n\nend\n$/)
  assert.doesNotMatch(written, /what was there/)
  assert.equal(withBlock(written, 'what was there'), page)
  assert.throws(() => withBlock('# Page', 'block'), /the page has no/)
})

test('time is told of the function that it was spent in', () => {
  const frame = (functionName: string, url = '') => ({ functionName, url, lineNumber: 9 })
  const nodes = [
    { id: 1, callFrame: frame('(idle)') },
    { id: 2, callFrame: frame('hash', 'file:///somewhere/dist/s3/sum.js') },
    { id: 3, callFrame: frame('hash', 'file:///somewhere/dist/s3/sum.js') },
    { id: 4, callFrame: frame('', 'node:fs') },
  ]
  assert.deepEqual(selfTimes({ nodes, samples: [1, 2, 3, 4], timeDeltas: [2_000, 3_000, 4_000, 1_000] }), [
    { place: 'hash dist/s3/sum.js:10', milliseconds: 7 },
    { place: '(idle)', milliseconds: 2 },
    { place: '(anonymous) node:fs:10', milliseconds: 1 },
  ])
})
