import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

interface Step {
  name: string
  typed: string[]
  keys?: string
}

const root = join(import.meta.dirname, '..', '..')
const script = pathToFileURL(join(root, 'scripts', 'five-minutes.mjs')).href
const { STEPS, consoleOf, withResults } = (await import(script)) as {
  STEPS: Step[]
  consoleOf(step: Step & { output: string | string[] }): string
  withResults(page: string, results: unknown[]): string
}
const page = readFileSync(join(root, 'docs', 'five-minutes.md'), 'utf8')
const BLOCK = /<!-- block: run by scripts\/five-minutes\.mjs, step (\w+) -->\n```console\n([\s\S]*?)\n```/g

test('docs/five-minutes.md types what the script types, in its order, and nothing else', () => {
  const shown = [...page.matchAll(BLOCK)].map(([, name, text]) => [name, text!.split('\n').filter(isTyped)])
  const expected = STEPS.map(({ name, typed, keys }) => [name, keys ? typed : typed.map((command) => `$ ${command}`)])
  assert.deepEqual(shown, expected)
  assert.equal(page.split('```console').length - 1, STEPS.length)
})

const isTyped = (line: string): boolean => line.startsWith('$ ') || line === '^\\'

test('docs/five-minutes.md has the time of each step, and they add up to less than five minutes', () => {
  const rows = [...page.matchAll(/^\| (\w+) \| ([\d.]+) s \| ([\d.]+) s \|$/gm)]
  assert.deepEqual(
    rows.map(([, name]) => name),
    STEPS.map(({ name }) => name),
  )
  assert.ok(Number(rows.at(-1)![3]) < 300)
})

test('docs/five-minutes.md shows two digests that are equal', () => {
  const digests = [...page.matchAll(/^([0-9a-f]{64}) /gm)].map(([, digest]) => digest)
  assert.equal(digests.length, 2)
  assert.equal(digests[0], digests[1])
})

test('a run replaces what is said after the commands of a step, and the times', () => {
  const step = { name: 'clone', typed: ['one', 'two'], output: ['said\nnpm warn x', ''], ms: 1_250 }
  assert.equal(consoleOf(step), '$ one\nsaid\n$ two')
  const before =
    '<!-- block: run by scripts/five-minutes.mjs, step clone -->\n```console\nold\n```\n<!-- times -->\nold\n<!-- end of times -->'
  const after = withResults(before, [step])
  assert.match(after, /```console\n\$ one\nsaid\n\$ two\n```/)
  assert.match(after, /\| clone \| 1\.3 s \| 1\.3 s \|/)
})
