// Writes docs/configuration.md from the table of options of the built command; with --check only says whether it is so.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { COMMANDS } from '../dist/cli/options.js'
import { variableOf } from '../dist/cli/read-options.js'

const TYPES = [
  ['type', 'is written'],
  ['count', 'a number, or `auto`'],
  ['size', 'bytes: `1048576`, `8MiB` (times 1,048,576), `10GB` (times 1,000,000,000)'],
  ['duration', '`500ms`, `10s`, `2m`, `1h`'],
  ['boolean', 'the flag alone, or with `true` or `false`; `true`, `false`, `1` or `0` in the environment'],
  ['list', 'with commas between; the flag may be given several times'],
  ['lines', 'one value for each time that the flag is given; one per line in the environment'],
]

const HEAD = `# Configuration

<!-- Made by \`node scripts/docs-configuration.mjs\` from src/cli/options.ts. Do not edit. -->

Each option of the command is a flag and an environment variable. The flag wins over the variable, and that over the
default. An empty variable counts as absent.

${table(TYPES)}

A value that cannot be is answered with one sentence and exit code 2.

Credentials for S3 are no options: they are found where every AWS tool finds them, such as \`AWS_ACCESS_KEY_ID\` and
\`AWS_SECRET_ACCESS_KEY\`, a profile, or the role of the machine.
`

const escaped = (text) => text.replaceAll('|', '\\|')

/** A table with its columns aligned. */
function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  return [line(rows[0]), line(widths.map((width) => '-'.repeat(width))), ...rows.slice(1).map(line)].join('\n')
}

function section(group, rows) {
  const cells = Object.entries(rows).map(([name, row]) => [
    `\`--${name}\``,
    `\`${variableOf(name)}\``,
    row.choices ? row.choices.map((choice) => `\`${choice}\``).join(' or ') : row.type,
    row.default === undefined ? '' : `\`${row.default}\``,
    escaped(row.help),
  ])
  return `### ${group}\n\n${table([['flag', 'variable', 'type', 'default', 'meaning'], ...cells])}\n`
}

const commands = Object.entries(COMMANDS).map(([name, { summary, groups }]) => {
  const sections = Object.entries(groups).map(([group, rows]) => section(group, rows))
  return [`## \`holdfast ${name}\`\n\n${summary}\n`, ...sections].join('\n')
})

const path = join(import.meta.dirname, '..', 'docs', 'configuration.md')
const page = [HEAD, ...commands].join('\n')
if (process.argv.includes('--check')) {
  if (readFileSync(path, 'utf8') !== page) {
    console.error(
      'docs/configuration.md is not what the table of options says: run `node scripts/docs-configuration.mjs`',
    )
    process.exit(1)
  }
} else writeFileSync(path, page)
