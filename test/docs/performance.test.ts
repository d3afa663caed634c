import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { blockOf, committedResults, PAGE, PLOTS, withBlock } from '../../bench/speed/document.js'
import { plotsOf } from '../../bench/speed/plots.js'

const { path, results } = committedResults()

test('the figures of docs/performance.md are those of the newest results', () => {
  const page = readFileSync(PAGE, 'utf8')
  assert.equal(page, withBlock(page, blockOf(results)), `npm run bench:report writes ${path} into it`)
})

test('the plots beside docs/performance.md are those of the newest results, and no other', () => {
  const plots = plotsOf(results)
  assert.deepEqual(readdirSync(PLOTS).sort(), plots.map(({ file }) => file).sort())
  for (const { file, svg } of plots) assert.equal(readFileSync(join(PLOTS, file), 'utf8'), svg, file)
})
