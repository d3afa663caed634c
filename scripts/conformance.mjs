// Runs the tests of test-conformance/ in node's test runner and says, per specification, what of its rules they have shown. Fails if
// a test fails, or a rule that is claimed has no passing test somewhere. --write writes docs/conformance.md instead.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { documentOf, reviewsOf } from '../test-conformance/support/document.ts'
import { GROUNDS } from '../test-conformance/support/grounds-list.ts'
import { idsOf } from '../test-conformance/support/names.ts'
import { COLUMNS, clientCounts, countsOf, missing } from '../test-conformance/support/review.ts'

const root = join(import.meta.dirname, '..')
const reviews = reviewsOf(root)
const complaints = reviews.flatMap((review) => review.complaints)

if (process.argv.includes('--write')) {
  for (const complaint of complaints) console.error(complaint)
  writeFileSync(join(root, 'docs', 'conformance.md'), documentOf(reviews))
  process.exit(complaints.length > 0 ? 1 : 0)
}

const folder = mkdtempSync(join(tmpdir(), 'holdfast-conformance-'))
const file = join(folder, 'results')
try {
  process.exitCode = await run()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function run() {
  const reporter = join(root, 'test-conformance', 'support', 'reporter.mjs')
  const reporters = [`--test-reporter=${reporter}`, `--test-reporter-destination=${file}`]
  // They wait more than they work.
  const flags = ['--test-reporter-destination=stdout', ...reporters, '--test-concurrency=3']
  const script = join(root, 'scripts', 'test.mjs')
  const child = spawn(process.execPath, [script, ...flags, 'test-conformance'], {
    cwd: root,
    stdio: ['inherit', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  // The runner's closing lines stay the last ones: what is said here goes before them.
  const closing = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (closing.length > 0 || /^ℹ tests \d+$/.test(line)) closing.push(line)
    else console.log(line)
  }
  const [status] = await ended
  const ran = readFileSync(file, 'utf8').split('\n').filter(Boolean).map(resultOf)
  const found = [...complaints, ...reviews.flatMap((review) => missing(review, ran, GROUNDS))]
  for (const review of reviews) tell(review, ran)
  for (const complaint of found) console.log(`✖ ${complaint}`)
  if (found.length > 0) console.log('')
  for (const line of closing) console.log(line)
  return status !== 0 ? (status ?? 1) : found.length > 0 ? 1 : 0
}

function resultOf(line) {
  const result = JSON.parse(line)
  return { ...result, ids: idsOf(result.name) ?? [] }
}

function tell(review, ran) {
  const { specification } = review
  const known = new Set(specification.rules.map(({ id }) => id))
  const own = ran.filter(({ ids }) => ids.some((id) => known.has(id)))
  console.log(`\n${specification.title}: rules for servers`)
  console.log(['level', ...COLUMNS].map((name) => name.padEnd(13)).join(''))
  for (const { level, counts } of countsOf(review)) {
    console.log([level, ...COLUMNS.map((column) => String(counts[column]))].map((cell) => cell.padEnd(13)).join(''))
  }
  const { shown, notOurs } = clientCounts(review)
  console.log(`Rules for clients: ${shown} shown, ${notOurs} not ours.`)
  for (const ground of GROUNDS) {
    const here = own.filter(({ path }) => path.includes(ground))
    const counted = (outcome) => here.filter((result) => result.outcome === outcome).length
    const expected = counted('todo-fail') + counted('todo-pass')
    const others = expected > 0 ? `, ${expected} of rules that are known to be broken` : ''
    console.log(
      `${ground.padEnd(11)} ${counted('pass')} tests pass, ${counted('fail') + counted('skip')} do not${others}`,
    )
  }
  console.log('')
}
