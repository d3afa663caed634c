/**
 * `npm run bench:guard`: a short run of the floor and Holdfast. Times depend on the machine, so their ratios are reported beside those
 * of the committed run and not asserted. Counts do not, so they are: requests to S3, bytes sent to S3, uploads that failed.
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { committedResults } from './document.js'
import { type Comparison, compared, violations } from './guarded.js'
import { measure } from './measure.js'
import { tablesOf } from './report.js'
import type { Result } from './results.js'
import { GUARDED } from './scenarios.js'
import { contenders } from './servers.js'

const ROUNDS = 2

const temporary = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
const results: Result[] = []
try {
  const servers = contenders().filter(({ name }) => name === 'floor' || name === 'Holdfast')
  for (const scenario of GUARDED) {
    const options = { rounds: ROUNDS, temporary, say: () => undefined }
    results.push(...(await measure([scenario], () => servers, options)))
  }
} finally {
  rmSync(temporary, { recursive: true, force: true })
}

const { path, results: before } = committedResults()
const line = ({ what, here, there }: Comparison): string => `| ${what} | ${here} | ${there} |`
console.log(tablesOf(results))
console.log(`\nReported, not asserted, beside ${path} (${before.machine.date}, ${before.machine.processor}):\n`)
console.log(['| | here | there |', '| --- | ---: | ---: |', ...compared(results, before).map(line)].join('\n'))
const wrong = violations(results)
console.log(wrong.length === 0 ? '\nAsserted: what can be counted is as it must be.' : `\nWrong:\n${wrong.join('\n')}`)
process.exitCode = wrong.length === 0 ? 0 : 1
