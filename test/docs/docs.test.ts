import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { FAILURES } from '../../src/errors.js'
import { decodeRecord, encodeRecord } from '../../src/s3/record/codec.js'
import { checkTransition } from '../../src/s3/record/transition.js'

const root = join(import.meta.dirname, '..', '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const { exports, scripts } = JSON.parse(read('package.json')) as {
  exports: Record<string, string | { types: string; default: string }>
  scripts: Record<string, string>
}
const pages = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].sort()

/** The cells of all table rows. */
const rowsOf = (text: string): string[][] =>
  [...text.matchAll(/^\| (.*) \|$/gm)].map(([, row]) => row!.split(' | ').map((cell) => cell.trim()))

/** The names in the first column of the table that has this heading there. */
function namesUnder(heading: string, text: string): string[] {
  const rows = rowsOf(text.split('\n\n').find((block) => rowsOf(block)[0]?.[0] === heading) ?? '')
  return rows.slice(2).flatMap(([names]) => names!.split(', ').map(unquoted))
}

const unquoted = (cell: string | undefined): string => (cell ?? '').replaceAll('`', '')

const sectionOf = (name: string): string =>
  read('docs/api.md')
    .split(/^## /m)
    .find((text) => text.startsWith(`\`${name}\``)) ?? ''

/** The source that a file of dist/ is built from. */
const sourceOf = (built: string): string => built.replace(/^\.\/dist\//, 'src/').replace(/(\.d\.ts|\.js)$/, '.ts')

test('docs/errors.md has each failure with its status and sentence, and no other', () => {
  const rows = rowsOf(read('docs/errors.md')).filter(([code]) => code!.startsWith('`ERR_'))
  const documented = Object.fromEntries(rows.map(([code, status, text]) => [unquoted(code), [Number(status), text]]))
  assert.deepEqual(documented, FAILURES)
})

test('each subpath of the package has a source', () => {
  for (const [subpath, target] of Object.entries(exports)) {
    if (typeof target === 'string') continue
    assert.equal(sourceOf(target.types), sourceOf(target.default), `${subpath}: types and code are of one source`)
    assert.ok(existsSync(join(root, sourceOf(target.default))), `${subpath}: ${sourceOf(target.default)} is missing`)
  }
})

test('docs/api.md has a section for each subpath of the package, and no other', () => {
  const sections = [...read('docs/api.md').matchAll(/^## `(holdfast[^`]*)`$/gm)].map(([, name]) => name)
  const subpaths = Object.keys(exports).filter((subpath) => subpath !== './package.json')
  assert.deepEqual(sections.sort(), subpaths.map((subpath) => `holdfast${subpath.slice(1)}`).sort())
})

for (const [subpath, target] of Object.entries(exports)) {
  if (typeof target === 'string') continue
  const name = `holdfast${subpath.slice(1)}`
  test(`docs/api.md names what ${name} exports, and nothing else`, () => {
    assert.deepEqual(namesUnder('name', sectionOf(name)).sort(), exportsOf(sourceOf(target.default)).sort())
  })
}

for (const [heading, page, path, type] of [
  ['option of `createServer`', 'docs/api.md', 'src/server/options.ts', 'ServerOptions'],
  ['option of `S3Store`', 'docs/api.md', 'src/s3/options.ts', 'S3StoreOptions'],
  ['option of `DiskStore`', 'docs/api.md', 'src/disk/store.ts', 'DiskStoreOptions'],
  ['option of `ClusterLocker`', 'docs/api.md', 'src/lockers/cluster.ts', 'ClusterLockerOptions'],
  ['option of `RedisLocker`', 'docs/api.md', 'src/lockers/redis.ts', 'RedisLockerOptions'],
  ['option of `prometheusMetrics`', 'docs/api.md', 'src/observe/prometheus/index.ts', 'PrometheusOptions'],
  ['option of `httpHooks`', 'docs/api.md', 'src/hooks/http.ts', 'HttpHooksOptions'],
  ['option of `fileHooks`', 'docs/api.md', 'src/hooks/file.ts', 'FileHooksOptions'],
  ['option of `grpcHooks`', 'docs/api.md', 'src/hooks/grpc.ts', 'GrpcHooksOptions'],
  ['option of `redisHooks`', 'docs/api.md', 'src/hooks/redis.ts', 'RedisHooksOptions'],
  ['option of `startBucket`', 'docs/testing.md', 'src/testing/bucket/server.ts', 'BucketOptions'],
] as const) {
  test(`${page} names each ${heading}, and no other`, () => {
    const body = optionsIn(path, type)
    const options = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)].map(([, option]) => option!)
    assert.notEqual(options.length, 0)
    assert.deepEqual(namesUnder(heading, read(page)).sort(), options.sort())
  })
}

/** The body of an interface, after that of what it extends. */
function optionsIn(path: string, type: string): string {
  const text = read(path)
  const pattern = new RegExp(`^export interface ${type} (?:extends (\\w+) )?\\{\\n([\\s\\S]*?)^\\}`, 'm')
  const [, base, body = ''] = pattern.exec(text) ?? []
  const from = base && new RegExp(`\\b${base}\\b[^']*from '\\./([\\w-]+)\\.js'`).exec(text)?.[1]
  return from ? optionsIn(join(dirname(path), `${from}.ts`), base) + body : body
}

/** The names that a module exports, read from its text: re-exports in braces, and declarations. */
function exportsOf(path: string): string[] {
  const text = read(path).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
  const names: string[] = []
  for (const [, list] of text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)) {
    for (const item of list!.split(',')) {
      const name = item
        .trim()
        .replace(/^type /, '')
        .split(' as ')
        .at(-1)!
      if (name) names.push(name)
    }
  }
  for (const [, name] of text.matchAll(
    /^export (?:async )?(?:abstract )?(?:function\*?|class|const|let|interface|type|enum) (\w+)/gm,
  )) {
    names.push(name!)
  }
  assert.doesNotMatch(text, /^export \*/m, `${path}: exports are named one by one`)
  return names
}

for (const page of pages) {
  test(`${page}: each relative link leads somewhere`, () => {
    const text = read(page).replaceAll(/^```[\s\S]*?^```/gm, '')
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue
      const [path, anchor] = target!.split('#')
      const file = path ? relative(root, join(root, dirname(page), path)) : page
      assert.ok(existsSync(join(root, file)), `${page} links to ${target}`)
      if (anchor) assert.ok(anchorsOf(file).includes(anchor), `${page} links to ${target}, which has no such heading`)
    }
  })

  test(`${page}: the files of this repository that it names exist`, () => {
    const text = read(page).replaceAll(/^```[\s\S]*?^```/gm, '')
    for (const [, path] of text.matchAll(/`((?:src|test|test-e2e|test-clients|docs|scripts|examples)\/[\w./-]*)`/g)) {
      assert.ok(existsSync(join(root, path!)), `${page} names ${path}`)
    }
  })

  test(`${page}: the npm scripts that it names exist`, () => {
    for (const [, name] of read(page).matchAll(/npm run ([\w:-]+)/g)) assert.ok(scripts[name!], `npm run ${name}`)
  })
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): string[] {
  return [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test('README.md has the two commands on its first screen', () => {
  const top = read('README.md').split('\n').slice(0, 60)
  for (const command of ['npm ci && npm start', 'npm ci && npm test']) assert.ok(top.includes(command), command)
})

test('.ci/run runs the commands of the README, in its order', () => {
  const told = rowsOf(read('README.md')).flatMap(([command]) =>
    command!.startsWith('`npm ') ? [unquoted(command)] : [],
  )
  const run = [...read('.ci/run').matchAll(/^(?:step|beside) (npm .*)$/gm)].map(([, command]) => command)
  assert.deepEqual(run, told)
})

test('README.md has each page of docs/ in its table', () => {
  const linked = [...read('README.md').matchAll(/\]\((docs\/[^)#]+)\)/g)].map(([, path]) => path)
  for (const page of pages.filter((name) => /^docs\/[^/]+\.md$/.test(name))) assert.ok(linked.includes(page), page)
})

test('docs/objects-in-the-bucket.md shows a record that Holdfast reads, accepts and would write so', () => {
  const json = /```json\n([\s\S]*?)```/.exec(read('docs/objects-in-the-bucket.md'))![1]!
  const record = decodeRecord(json)
  assert.ok(record)
  checkTransition(undefined, record)
  const { Storage } = JSON.parse(json) as { Storage: Record<string, string> }
  assert.deepEqual(JSON.parse(encodeRecord(record, Storage)), JSON.parse(json))
})

test('docs/invariants.md names tests that exist', () => {
  const all = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => read(`test/${name}`))
  const items = [...read('docs/invariants.md').matchAll(/^- \*\*Tests\.\*\*(.*\n(?: {2}.*\n)*)/gm)].map(
    ([, text]) => text!,
  )
  assert.equal(items.length, 8, 'each invariant says which tests cover it')
  for (const [, quoted] of items.join('').matchAll(/"((?:[^"]|"complete")+)"/g)) {
    const title = quoted!.replaceAll(/\s+/g, ' ')
    assert.ok(
      all.some((text) => text.includes(`test('${title}'`)),
      `there is no test '${title}'`,
    )
  }
})

test('docs/security.md names tests that exist', () => {
  const all = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => read(`test/${name}`))
  const rows = rowsOf(read('docs/security.md')).filter(([, , tests]) => tests?.startsWith('"'))
  assert.ok(rows.length > 15)
  for (const [threat, , tests] of rows) {
    for (const [, name] of tests!.matchAll(/"([^"]+)"/g)) {
      assert.ok(
        all.some((text) => text.includes(name!)),
        `${threat}: there is no test "${name}"`,
      )
    }
  }
})
