// Writes what docs/ has of the table of options of the built command: configuration.md, the schema of the configuration file, and
// the table in migrating-from-tusd.md. With --check only says whether it is so.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { schemaOf } from '../dist/cli/config-schema.js'
import { COMMANDS, rowsOf } from '../dist/cli/options.js'
import { variableOf } from '../dist/cli/read-options.js'
import { optionFor, TUSD_FLAGS } from '../dist/cli/tusd.js'

const TYPES = [
  ['type', 'is written'],
  ['count', 'a number, or `auto`'],
  ['size', 'bytes: `1048576`, `8MiB` (times 1,048,576), `10GB` (times 1,000,000,000)'],
  ['duration', '`500ms`, `10s`, `2m`, `1h30m`, `7d`'],
  ['boolean', 'the flag alone, or with `true` or `false`; `true`, `false`, `1` or `0` in the environment'],
  ['permissions', 'three octal digits, as for chmod: `664`'],
  ['list', 'with commas between; the flag may be given several times'],
  [
    'origins',
    'a list of web origins: `https://app.example`; `https://*.app.example`, where `*` is a part of the host; `*` for all; `/https://[a-z]+\\.example/`, a regular expression that must match the whole',
  ],
  ['lines', 'one value for each time that the flag is given; one per line in the environment'],
]

const HEAD = `# Configuration

<!-- Made by \`node scripts/docs-configuration.mjs\` from src/cli/options.ts. Do not edit. -->

Each option of the command is a flag, an environment variable, and for \`serve\`, \`sweep\` and \`doctor\` a name in a
[file](#the-file). The flag wins over the variable, that over the file, and that over the default. An empty variable counts as
absent.

${table(TYPES)}

An origin of more than 300 characters matches no pattern; a regular expression that goes back and forth can take long all the same, so
rather use \`*\`.

Values that cannot be are answered with one sentence each, all at once, and exit code 2. \`holdfast config\`
[tells](#checking-and-printing) beforehand, and what all of it comes to.

## Secrets

A variable with \`_FILE\` behind its name has the path of a file with the value, as Docker and Kubernetes give secrets:
\`HOLDFAST_LOCKER_REDIS_FILE=/run/secrets/redis\`. Every option has one. A line break at the end of the file is left out. With both
variables set, the command ends with exit code 2.

Credentials for S3 are no options: they are found where every AWS tool finds them, such as \`AWS_ACCESS_KEY_ID\` and
\`AWS_SECRET_ACCESS_KEY\`, a profile, or the role of the machine. \`AWS_ACCESS_KEY_ID_FILE\`, \`AWS_SECRET_ACCESS_KEY_FILE\`,
\`AWS_SESSION_TOKEN_FILE\` and \`AWS_REGION_FILE\` name files with these.

## The file

\`\`\`yaml
# yaml-language-server: $schema=node_modules/holdfast/docs/configuration.schema.json
host: 0.0.0.0
port: 8080
behind-proxy: true
max-size: 20GiB
s3:
  bucket: media
  endpoint: https://s3.example.com
  object-prefix: \${STAGE:-test}/
expires:
  after: 7d
cors:
  allow-origin: [https://app.example, https://*.app.example]
\`\`\`

[\`examples/holdfast.yaml\`](../examples/holdfast.yaml) is another one. \`holdfast serve --config holdfast.yaml\`, or \`HOLDFAST_CONFIG=holdfast.yaml\`. No file is read that was not named. It is YAML, and so
may be JSON. In it

- a name is that of the flag without dashes before it: \`max-size\`, or \`maxSize\`;
- what names have in common may be a group: \`s3: { bucket: media }\` is \`s3-bucket: media\`;
- a value is written as on the command line, and a list may be a list. The items of a list are not divided at commas;
- an empty value counts as absent;
- \`\${NAME}\` is a variable of the environment, and must be set; \`\${NAME:-text}\` is \`text\` where it is not set or empty; \`$\${NAME}\` is
  \`\${NAME}\` itself. What a variable holds is always a text, never more YAML;
- paths are relative to where the command is run, as everywhere;
- an unknown name, a name that is given twice, an alias and a second document are refused, with file and line. \`sweep\`,
  \`doctor\` and the [tools](tools.md) take what they know of the file of \`serve\`.

It is read once, at the start; workers that are replaced later go by what it said then. To change something, start the server
anew. [configuration.schema.json](configuration.schema.json) is its JSON Schema (\`holdfast config schema\` prints it): editors complete names
and check values by it, if a comment as in the example, or \`"$schema"\` in JSON, names it.

## Checking and printing

Both take all options of \`serve\`, read the same variables and the same file, reach nothing over the network and write nothing.

- \`holdfast config check --config holdfast.yaml\` prints \`ok\` and what is set, or all that is wrong; exit code 0 or 2. It also looks at
  certificates, and whether options fit together. A variable of the environment that is nearly one of ours is noted.
- \`holdfast config print\` prints all options, with where each comes from, as a file that would say the same: options with their
  default are comments. So it turns flags and variables into a file. What may hold a password is a comment, too, without it.

With \`--json\` both print JSON.

Kubernetes sets \`HOLDFAST_PORT=tcp://…\` where a Service is called \`holdfast\`; such a value is passed over.
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

const served = Object.values(COMMANDS.serve.groups)

/** Of whole groups that a command has as `serve` has them. */
function besides(name, groups) {
  const shared = Object.entries(groups).flatMap(([group, rows]) => (served.includes(rows) ? [group] : []))
  if (name === 'serve' || shared.length === 0) return []
  const under = shared.length === 1 ? shared[0] : `${shared.slice(0, -1).join(', ')} and ${shared.at(-1)}`
  const which =
    name === 'config'
      ? 'all options of `holdfast serve`'
      : `the options of [\`holdfast serve\`](#holdfast-serve) under ${under}`
  return [`It has ${which} besides.\n`]
}

const commands = Object.entries(COMMANDS).map(([name, { summary, groups }]) => {
  const own = Object.entries(groups).filter(([, rows]) => name === 'serve' || !served.includes(rows))
  const sections = own.map(([group, rows]) => section(group, rows))
  const others = besides(name, groups)
  return [`## \`holdfast ${name}\`\n\n${summary}\n`, ...sections, ...others].join('\n')
})

/** tusd's flags, with ours beside them. */
function migrationTable() {
  const rows = Object.entries(TUSD_FLAGS).map(([name, { default: theirs, note }]) => {
    const here = optionFor(name)
    const ours = here && rowsOf('serve')[here].default
    return [
      `\`-${name}\``,
      theirs && `\`${theirs}\``,
      here ? `\`--${here}\`` : '',
      ours === undefined ? '' : `\`${ours}\``,
      escaped(note ?? (here ? '' : 'There is none.')),
    ]
  })
  return table([["tusd's flag", 'its default', 'here', 'default', 'what differs'], ...rows])
}

const MIGRATION = /(?<=<!-- The table is made by [^>]*-->\n\n)\|[\s\S]*?\|(?=\n\n|\n$)/

const docs = join(import.meta.dirname, '..', 'docs')
const read = (name) => readFileSync(join(docs, name), 'utf8')
const pages = {
  'configuration.md': [HEAD, ...commands].join('\n'),
  'configuration.schema.json': `${JSON.stringify(schemaOf(), undefined, 2)}\n`,
  'migrating-from-tusd.md': read('migrating-from-tusd.md').replace(MIGRATION, () => migrationTable()),
}
const stale = Object.entries(pages).filter(([name, text]) => !existsSync(join(docs, name)) || read(name) !== text)
if (!process.argv.includes('--check')) for (const [name, text] of stale) writeFileSync(join(docs, name), text)
else if (stale.length > 0) {
  const names = stale.map(([name]) => `docs/${name}`).join(', ')
  console.error(`${names}: not what the table of options says: run \`node scripts/docs-configuration.mjs\``)
  process.exit(1)
}
