/**
 * `npm run bench:report -- FILE`: writes what a run left in a file into docs/performance.md, between two marks, and its plots
 * beside it. Without FILE it takes the newest of bench/results.
 * @module
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { plotsOf } from './plots.js'
import { factsOf, tablesOf } from './report.js'
import type { Results } from './results.js'
import { targetTable } from './targets.js'

const root = join(import.meta.dirname, '..', '..')
const [BEGIN, END] = ['<!-- bench:begin -->', '<!-- bench:end -->']
export const PAGE = join(root, 'docs', 'performance.md')
export const PLOTS = join(root, 'docs', 'performance')

/** The newest file of bench/results: their names are dates. */
export function committedResults(): { path: string; results: Results } {
  const name = readdirSync(join(root, 'bench', 'results'))
    .sort()
    .at(-1)
  if (name === undefined) throw new Error('bench/results has no file')
  const path = `bench/results/${name}`
  return { path, results: resultsIn(join(root, path)) }
}

export const resultsIn = (path: string): Results => JSON.parse(readFileSync(path, 'utf8')) as Results

/** What stands between the marks. */
export function blockOf(results: Results): string {
  const images = plotsOf(results).map(({ file, title }) => `![${title}](performance/${file})`)
  return [
    '### The run',
    factsOf(results),
    '### Targets',
    targetTable(results),
    '### Plots',
    ...images,
    '### Tables',
    tablesOf(results.results),
  ].join('\n\n')
}

/** @returns the page with this block between its marks */
export function withBlock(page: string, block: string): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`the page has no ${BEGIN} … ${END}`)
  return `${page.slice(0, from + BEGIN.length)}\n\n${block}\n\n${page.slice(to)}`
}

function write(results: Results): void {
  rmSync(PLOTS, { recursive: true, force: true })
  mkdirSync(PLOTS)
  for (const { file, svg } of plotsOf(results)) writeFileSync(join(PLOTS, file), svg)
  writeFileSync(PAGE, withBlock(readFileSync(PAGE, 'utf8'), blockOf(results)))
}

if (process.argv[1] === import.meta.filename) {
  const [file] = process.argv.slice(2)
  write(file === undefined ? committedResults().results : resultsIn(file))
}
