/**
 * docs/conformance.md, made of the tables of rules and the names of tests alone, so that it can say nothing else.
 * @module
 */
import { SPECIFICATIONS } from '../rules/index.js'
import { exceptionOf, type Rule } from '../rules/rule.js'
import { namedTests, sentenceOf } from './names.js'
import { COLUMNS, type Covered, clientCounts, countsOf, type Review, review } from './review.js'

export const reviewsOf = (root: string): Review[] =>
  SPECIFICATIONS.map((specification) => review(specification, namedTests(root, specification.name)))

const HEAD = `# Conformance

<!-- Made by \`npm run test:conformance -- --write\` from test-conformance/. Do not edit. -->

Each rule of the two specifications, in our own words: whom it binds, how much, and which tests show that it is kept. The tables
are made of \`rules/\` and the names of the tests in \`test-conformance/\`; \`npm test\` fails if this page says anything else.
\`npm run test:conformance\` runs those tests on both stores and through both adapters (S3 and disk; \`node:http\` and
\`Request\` to \`Response\`), and fails unless each rule that is claimed here has passed wherever it applies.

- **kept**: what is listed are the tests.
- **otherwise**: deliberately not done, with the reason; a test shows what is done instead, where there is something to see.
- **cannot arise**: nothing in this server could break it, so no test could fail.
- **broken**: not kept, with the reason. Its tests run and are expected to fail.
- Rules that bind clients are listed, too: the tests show what the server does when a client breaks one, or uses what it may. Where
  nothing of it is seen here, they are **not ours**.
`

const escaped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')

export function documentOf(reviews: readonly Review[]): string {
  return [HEAD, ...reviews.map(chapter)].join('\n')
}

function chapter(found: Review): string {
  const { specification, rows } = found
  const { shown, notOurs } = clientCounts(found)
  const counts = countsOf(found).map(({ level, counts: own }) => [
    level,
    ...COLUMNS.map((column) => String(own[column])),
  ])
  const hasVersions = rows.some(({ rule }) => rule.versions !== undefined)
  const heading = ['section', 'level', ...(hasVersions ? ['interop'] : []), 'rule', 'kept by']
  return [
    `## ${specification.title}\n`,
    `${specification.text}.\n`,
    `${table([['for servers', ...COLUMNS], ...counts])}\n`,
    `For clients: ${shown + notOurs} rules, of which ${shown} are seen here and ${notOurs} are not ours.\n`,
    `${table([heading, ...rows.map((row) => cellsOf(row, hasVersions))])}\n`,
  ].join('\n')
}

function table([heading = [], ...rows]: readonly string[][]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n')
}

function cellsOf({ rule, tests }: Covered, hasVersions: boolean): string[] {
  const level = rule.applies === 'client' ? `${rule.level} (client)` : rule.level
  const version = rule.versions ? spans(rule.versions) : 'all'
  const sentences = [...new Set(tests.map(({ name, file }) => `${sentenceOf(name)} (${file})`))]
  const last = [...verdictOf(rule), ...sentences].map(escaped).join('<br>')
  return [escaped(rule.section), level, ...(hasVersions ? [version] : []), `${escaped(rule.rule)} \`${rule.id}\``, last]
}

const VERDICTS = {
  decision: '**otherwise**',
  moot: '**cannot arise**',
  notOurs: '**not ours**',
  broken: '**broken**',
} as const

function verdictOf(rule: Rule): string[] {
  const exception = exceptionOf(rule)
  if (exception !== undefined) return [`${VERDICTS[exception]}: ${rule[exception]}`]
  return rule.on === undefined ? [] : ['with node:http, where it can be said:']
}

/** 3, 4, 5, 7 as `3–5, 7`. */
function spans(versions: readonly number[]): string {
  const ranges: [number, number][] = []
  for (const version of versions) {
    const last = ranges.at(-1)
    if (last && version === last[1] + 1) last[1] = version
    else ranges.push([version, version])
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(', ')
}
