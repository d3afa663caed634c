import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'comparison.md'), 'utf8')

/** The cells of the rows of all tables, without their heads. */
const rows = [...page.matchAll(/^\| (.*) \|$/gm)]
  .map(([, row]) => row!.split(' | ').map((cell) => cell.trim()))
  .filter(([feature]) => feature !== '' && !/^-+$/.test(feature!) && !feature!.startsWith('|'))

for (const [feature, , , ours, proof = ''] of rows) {
  test(`docs/comparison.md: what it says of Holdfast is shown by something: ${feature}`, () => {
    assert.ok(ours, 'each row says what Holdfast does')
    // That a link leads somewhere is looked at with those of all pages.
    if (!ours.startsWith('no')) assert.match(proof, /\]\(\S+\)/)
  })
}

test('docs/comparison.md has rows for bytes, the protocol, applications and operators', () => {
  assert.ok(rows.length > 45, `${rows.length} rows`)
})
