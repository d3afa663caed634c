import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { HOSTED } from '../../test-providers/hosted.js'
import { hostedProfiles, PAGE_FILE, readMeasured, withTables } from '../../test-providers/page.js'
import { KNOWN, SERVER_NAMES, SERVERS } from '../../test-providers/servers/index.js'

const root = join(import.meta.dirname, '..', '..')

/** All sources of tests, with the spaces that a formatter may change made one. */
const tests = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => readFileSync(join(root, 'test', name), 'utf8'))
  .join('\n')

test('the tables of docs/providers.md are those of the measurements, the catalogue and the profiles', () => {
  const page = readFileSync(PAGE_FILE, 'utf8')
  assert.equal(page, withTables(page), 'node --import tsx test-providers/measure.ts --page writes them anew')
})

/** Who was not is told so on the page. */
const MEASURED = SERVER_NAMES.flatMap((name) => {
  const measured = readMeasured()[name]
  return measured ? [[name, measured] as const] : []
})

test('at least four servers were measured, in the versions that the catalogue has, and nothing failed', () => {
  assert.ok(MEASURED.length >= 4)
  for (const [name, { version, groups }] of MEASURED) {
    assert.equal(version, SERVERS[name].version, name)
    const failed = Object.values(groups).reduce((sum, group) => sum + group.failed, 0)
    assert.equal(failed, 0, `${name}: ${failed} tests had failed`)
  }
})

test('what was measured of a server is what the tests hold it to', () => {
  for (const [name, { doctor }] of MEASURED) {
    const { provider, options = {} } = KNOWN[name].doctor
    assert.deepEqual([doctor.provider, doctor.options], [provider, options], name)
  }
})

test('each hosted provider that has a profile says what stands in for it, and no other', () => {
  assert.deepEqual(
    Object.keys(HOSTED).sort(),
    hostedProfiles()
      .map(({ id }) => id)
      .sort(),
  )
})

test('facts of a hosted provider have a source', () => {
  for (const { id, facts, sources = [] } of hostedProfiles()) {
    if (Object.keys(facts).length > 0) assert.ok(sources.length > 0, id)
  }
})

for (const [id, { quirks, tests: titles }] of Object.entries(HOSTED)) {
  test(`${id}: the tests and quirks that stand in for it exist`, () => {
    const known = readFileSync(join(root, 'src/testing/bucket/quirks.ts'), 'utf8')
    assert.notEqual(titles.length, 0)
    for (const title of titles) assert.ok(tests.includes(`'${title}'`), `there is no test '${title}'`)
    for (const quirk of quirks) {
      const [name, value = ''] = quirk.split(': ')
      const declared = new RegExp(`^ {2}${name}\\?: (.*)$`, 'm').exec(known)?.[1] ?? ''
      const fits =
        value === 'true'
          ? declared === 'boolean'
          : /^\d+$/.test(value)
            ? declared === 'number'
            : declared.includes(value)
      assert.ok(fits, `${quirk} is no quirk of the development bucket`)
    }
  })
}
