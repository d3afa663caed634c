// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a file has them.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseConfig } from '../../src/cli/config-file.js'
import { UsageError } from '../../src/cli/failure.js'
import { COMMANDS, type CommandName, type Rows, rowsOf } from '../../src/cli/options.js'
import { type Environment, readOptions, variableOf } from '../../src/cli/read-options.js'
import { temporaryFolder } from './command.js'

const known = new Set(Object.keys(rowsOf('serve')).filter((name) => name !== 'config'))

const parse = (text: string, environment: Environment = {}) => {
  const { entries, problems } = parseConfig('f.yaml', text, known, environment)
  return { problems, texts: Object.fromEntries([...entries].map(([name, { texts }]) => [name, texts.join('|')])) }
}

/** A file of the test, and `serve` configured by it. */
function reader(context: TestContext, text: string) {
  const path = join(temporaryFolder(context), 'holdfast.yaml')
  writeFileSync(path, text)
  return (flags: Record<string, string[]> = {}, environment: Environment = {}) =>
    readOptions('serve', { config: [path], ...flags }, environment)
}

const refusal = (read: () => unknown): string => {
  try {
    read()
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error))
    return error.message
  }
  return assert.fail('nothing was refused')
}

const spellings: [what: string, text: string, expected: Record<string, string>][] = [
  ['the name of the flag', 's3-part-size: 16MiB', { 's3-part-size': '16MiB' }],
  ['camel case', 's3PartSize: 16MiB', { 's3-part-size': '16MiB' }],
  ['a group', 's3:\n  part-size: 16MiB\n  bucket: b', { 's3-part-size': '16MiB', 's3-bucket': 'b' }],
  ['a group, in camel case', 's3: { partSize: 16MiB }', { 's3-part-size': '16MiB' }],
  ['a group in a group', 'cors: { allow: { origin: "*" } }', { 'cors-allow-origin': '*' }],
  ['JSON', '{"s3": {"bucket": "b"},\n "port": 80, "$schema": "x"}', { 's3-bucket': 'b', port: '80' }],
  ['numbers as they are written', 'file-perms: 0660\nport: 0x50', { 'file-perms': '0660', port: '0x50' }],
  ['a list', 'cors-allow-headers: [X-A, "X-B,C"]', { 'cors-allow-headers': 'X-A|X-B,C' }],
  ['an empty value', 's3-bucket:\nport: null\nlocker-prefix: ""', { 'locker-prefix': '' }],
  ['nothing', '', {}],
  ['comments alone', '# port: 80', {}],
]
for (const [what, text, expected] of spellings) {
  test(`a file may have ${what}`, () => assert.deepEqual(parse(text), { texts: expected, problems: [] }))
}

const problems: [what: string, text: string, expected: RegExp][] = [
  ['an unknown name', '\nprot: 80', /^f\.yaml:2: prot is no option; did you mean port\?$/],
  ['an unknown name in a group', 's3:\n  bukcet: b', /^f\.yaml:2: s3\.bukcet is no option; did you mean s3-bucket\?$/],
  ['a name that nothing is like', 'whatever: 1', /^f\.yaml:1: whatever is no option\.$/],
  ['an unknown group', 'database: { url: x }', /^f\.yaml:1: database is no option\.$/],
  ['a group with a value', 's3: media', /^f\.yaml:1: s3 is a group of options, not one\.$/],
  ['a name that is given twice', 'port: 1\nport: 2', /^f\.yaml:2: .*unique/],
  [
    'a name that is given in two ways',
    's3-bucket: a\ns3: { bucket: b }',
    /^f\.yaml:2: s3\.bucket was .* at f\.yaml:1\.$/,
  ],
  ['a file named in the file', 'config: other.yaml', /^f\.yaml:1: config is no option/],
  ['what is not YAML', 'port: [1', /^f\.yaml:1: /],
  ['a list of names', '- port', /^f\.yaml:1: a configuration is names and values/],
  ['a text', 'port 80', /^f\.yaml:1: a configuration is names and values/],
  ['a second document', 'port: 1\n---\nport: 2', /^f\.yaml:\d: there is a second document/],
  ['an alias', 'host: &h a\nbase-path: *h', /^f\.yaml:2: base-path is an alias/],
  ['a list of lists', 'cors-allow-headers: [[a]]', /^f\.yaml:1: cors-allow-headers is a list of more than texts/],
  ['an unknown tag', 'host: !secret x', /^f\.yaml:1: /],
  ['a variable that is not set', '\n\nhost: ${NOPE}', /^f\.yaml:3: host: the variable NOPE is not set\.$/],
]
for (const [what, text, expected] of problems) {
  test(`refused in a file, with its line: ${what}`, () => {
    const all = parse(text).problems
    assert.equal(all.length, 1, all.join('\n'))
    assert.match(all[0]!, expected)
  })
}

test('an alias that holds itself ends nothing but the reading', () => {
  assert.match(parse('s3: &a\n  bucket: *a').problems.join(), /f\.yaml:2: s3\.bucket is an alias/)
})

test('variables stand for texts, never for more YAML', () => {
  const environment = { NAME: 'a\nport: 1', EMPTY: '' }
  const text =
    'host: ${NAME}\ns3-bucket: x-${NONE:-y}\nbase-path: $${NAME}$\ns3-region: ${EMPTY:-}\nlocker-prefix: ${EMPTY:-z}'
  const { texts, problems } = parse(text, environment)
  assert.deepEqual(problems, [])
  assert.deepEqual(texts, {
    host: 'a\nport: 1',
    's3-bucket': 'x-y',
    'base-path': '${NAME}$',
    'locker-prefix': 'z',
  })
})

test('a flag wins over a variable, that over the file, and that over the default', (context) => {
  const read = reader(context, 'port: 1\nui: true')
  assert.equal(read().port, 1)
  assert.equal(read({}, { HOLDFAST_PORT: '2' }).port, 2)
  assert.equal(read({ port: ['3'] }, { HOLDFAST_PORT: '2' }).port, 3)
  assert.equal(read({ ui: ['false'] }).ui, false)
  assert.equal(read().host, '127.0.0.1')
})

test('a file has values of every type', (context) => {
  const read = reader(
    context,
    `
workers: auto
max-size: 1.5GiB
expires: { after: 7d }
max-concat-parts: 5
h2c: true
dir-perms: 0o750
cors:
  allow-headers: X-A, X-B
  allow-origin: ["/https://[a-z]{1,3}/", https://*.b.example]
interim-responses: on
`,
  )
  const options = read()
  assert.equal(options.workers, 'auto')
  assert.equal(options.maxSize, 1.5 * 2 ** 30)
  assert.equal(options.expiresAfter, 7 * 86_400_000)
  assert.equal(options.maxConcatParts, 5)
  assert.equal(options.h2c, true)
  assert.equal(options.dirPerms, 0o750)
  assert.deepEqual(options.corsAllowHeaders, ['X-A', 'X-B'])
  const patterns = options.corsAllowOrigin as readonly RegExp[]
  assert.deepEqual(
    [patterns.length, patterns[0]!.test('https://abc'), patterns[1]!.test('https://a.b.example')],
    [2, true, true],
  )
  assert.equal(options.interimResponses, 'on')
})

test('all that is wrong is told at once, each with where it is', (context) => {
  const path = join(temporaryFolder(context), 'f.yaml')
  writeFileSync(path, 'prot: 1\ns3:\n  part-size: 8 potatoes\nlog-format: [json]\nlocker-redis: x')
  const flags = { config: [path], port: ['x'] }
  const message = refusal(() => readOptions('serve', flags, { HOLDFAST_YIELD_TIMEOUT: 'soon' }))
  assert.deepEqual(message.split('\n'), [
    `${path}:1: prot is no option; did you mean port?`,
    "--port: 'x' is not an integer.",
    `${path}:3: s3.part-size: '8 potatoes' is not a size such as 8MiB, 10GB or 1048576.`,
    "HOLDFAST_YIELD_TIMEOUT: 'soon' is not a duration such as 500ms, 10s, 1h30m or 7d.",
    `${path}:4: log-format: 'json' is a list, and must be one value.`,
  ])
})

test('a file that cannot be read, or is too large for one, is refused by its name', (context) => {
  const folder = temporaryFolder(context)
  mkdirSync(join(folder, 'd'))
  writeFileSync(join(folder, 'large'), '#'.repeat(200_000))
  const read = (name: string) => refusal(() => readOptions('serve', { config: [join(folder, name)] }, {}))
  assert.match(read('none'), /^the file .*none cannot be read \(ENOENT\)\.$/)
  assert.match(read('d'), /EISDIR/)
  assert.match(read('large'), /^.*large: has more than 100000 bytes\.$/)
})

test('the file of serve is that of sweep and doctor, too, and has what is theirs alone for them alone', (context) => {
  const path = join(temporaryFolder(context), 'f.yaml')
  writeFileSync(path, 'port: 80\ns3-bucket: b\n')
  for (const command of ['sweep', 'doctor'] as const) {
    assert.equal(readOptions(command, {}, { HOLDFAST_CONFIG: path }).s3Bucket, 'b')
  }
  writeFileSync(path, 'dry-run: true\n')
  assert.equal(readOptions('sweep', { config: [path] }, {}).dryRun, true)
  assert.match(
    refusal(() => readOptions('serve', { config: [path] }, {})),
    /dry-run is no option/,
  )
})

test('a file names no other file', (context) => {
  assert.match(refusal(reader(context, 'config: other.yaml')), /:1: config is no option\.$/)
})

test('no file is read that was not named, and none by commands that have no --config', (context) => {
  const path = join(temporaryFolder(context), 'none.yaml')
  assert.equal(readOptions('serve', {}, { HOLDFAST_CONFIG: '' }).config, undefined)
  readOptions('dev', {}, { HOLDFAST_CONFIG: path })
})

test('a worker goes by what its primary read, not by what the file says by then', (context) => {
  const path = join(temporaryFolder(context), 'f.yaml')
  writeFileSync(path, 'port: 1')
  assert.equal(readOptions('serve', { config: [path] }, { HOLDFAST_WORKER_CONFIG: 'port: 2' }).port, 2)
})

test('a variable with _FILE behind its name has the path of a file with the value', (context) => {
  const path = join(temporaryFolder(context), 'secret')
  writeFileSync(path, 'redis://:pw@host\n')
  const read = (environment: Environment) => readOptions('serve', {}, environment)
  assert.equal(read({ HOLDFAST_LOCKER_REDIS_FILE: path }).lockerRedis, 'redis://:pw@host')
  assert.match(
    refusal(() => read({ HOLDFAST_LOCKER_REDIS_FILE: path, HOLDFAST_LOCKER_REDIS: 'x' })),
    /^HOLDFAST_LOCKER_REDIS and HOLDFAST_LOCKER_REDIS_FILE are both set; one is enough\.$/,
  )
  assert.match(
    refusal(() => read({ HOLDFAST_PORT_FILE: `${path}s` })),
    /^HOLDFAST_PORT_FILE: .* \(ENOENT\)\.$/,
  )
  assert.match(
    refusal(() => read({ HOLDFAST_PORT_FILE: path })),
    /^HOLDFAST_PORT_FILE: .* is not an integer\.$/,
  )
  assert.match(
    refusal(() => read({ HOLDFAST_CONFIG_FILE: path })),
    /the variable .* is HOLDFAST_CONFIG\.$/,
  )
})

test('no option has the variable that is the file of another one', () => {
  const names = (Object.keys(COMMANDS) as CommandName[]).flatMap((command) => Object.keys(rowsOf(command) as Rows))
  const variables = new Set(names.map(variableOf))
  for (const variable of variables) assert.ok(!variables.has(`${variable}_FILE`), variable)
})

test('what Kubernetes sets for a Service called holdfast is no port', () => {
  assert.equal(readOptions('serve', {}, { HOLDFAST_PORT: 'tcp://10.0.0.1:1080' }).port, 1080)
})

test('the file that docs/configuration.md shows can be', () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'configuration.md'), 'utf8')
  const { texts, problems } = parse(/```yaml\n([\s\S]*?)```/.exec(page)![1]!)
  assert.deepEqual(problems, [])
  assert.equal(texts['s3-object-prefix'], 'test/')
})
