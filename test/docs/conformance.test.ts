import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { exceptionOf, type Rule, type Specification } from '../../test-conformance/rules/rule.js'
import { documentOf, reviewsOf } from '../../test-conformance/support/document.js'
import { idsOf, type NamedTest } from '../../test-conformance/support/names.js'
import { missing, type Ran, review } from '../../test-conformance/support/review.js'

const root = join(import.meta.dirname, '..', '..')
const reviews = reviewsOf(root)

test('docs/conformance.md is what the rules and the names of their tests say', () => {
  const page = readFileSync(join(root, 'docs', 'conformance.md'), 'utf8')
  assert.ok(page === documentOf(reviews), 'run `npm run test:conformance -- --write`')
})

for (const { specification, complaints } of reviews) {
  test(`${specification.title}: each test names rules that exist, and each rule has a test or a reason`, () => {
    assert.deepEqual(complaints, [])
  })

  test(`${specification.title}: no rule has two reasons why it is not kept`, () => {
    for (const rule of specification.rules) {
      const reasons = [rule.decision, rule.moot, rule.notOurs, rule.broken].filter((reason) => reason !== undefined)
      assert.ok(reasons.length <= 1, rule.id)
      assert.ok(
        exceptionOf(rule) !== 'notOurs' || rule.applies === 'client' || rule.level.startsWith('SHOULD'),
        rule.id,
      )
    }
  })
}

const rule = (more: Partial<Rule> = {}): Rule => ({
  id: 'x-a',
  level: 'MUST',
  section: 's',
  rule: 'r',
  applies: 'server',
  ...more,
})
const named = (name: string): NamedTest => ({ file: 'f', name, ids: idsOf(name) ?? [] })
const of = (...rules: Rule[]): Specification => ({ name: 'x', title: 'X', text: 't', rules })
const ran = (outcome: Ran['outcome'], ...path: string[]): Ran => ({ path, name: 'n', ids: ['x-a'], outcome })

for (const [wrong, rules, tests, complaint] of [
  ['a rule without a test', [rule()], [], /x-a has no test/],
  ['a test of no rule', [], ['[x-b] t'], /no rule x-b/],
  ['a test without IDs', [], ['t'], /names no rule/],
  ['an ID that is there twice', [rule(), rule()], ['[x-a] t'], /twice/],
  ['a rule that cannot arise, with a test', [rule({ moot: 'm' })], ['[x-a] t'], /marked 'moot'/],
  ['a broken rule without a test', [rule({ broken: 'b' })], [], /x-a has no test/],
] as const) {
  test(`${wrong} is found out without a run`, () => {
    assert.match(review(of(...rules), tests.map(named)).complaints.join(), complaint)
  })
}

test('a rule wants a passing test on each ground, and of each version it is one of', () => {
  const on = (more: Partial<Rule>, ...results: Ran[]): number =>
    missing(review(of(rule(more)), [named('[x-a] t')]), results, ['s3/node', 's3/fetch']).length
  assert.equal(on({}, ran('pass', 's3/node'), ran('pass', 's3/fetch')), 0)
  assert.equal(on({}, ran('pass', 's3/node'), ran('skip', 's3/fetch')), 1)
  assert.equal(on({}, ran('todo-pass', 's3/node'), ran('fail', 's3/fetch')), 2)
  assert.equal(on({ on: 'node' }, ran('pass', 's3/node')), 0)
  assert.equal(on({ on: 'node', versions: [3, 4] }, ran('pass', 's3/node', 'interop 3')), 1)
  assert.equal(on({ broken: 'b' }, ran('todo-fail', 's3/node'), ran('todo-pass', 's3/fetch')), 0)
  assert.equal(on({ broken: 'b' }, ran('todo-pass', 's3/node'), ran('todo-pass', 's3/fetch')), 1)
})
