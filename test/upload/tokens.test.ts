import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signToken, tokensOf } from '../../src/upload/tokens.js'

const SECRET = 'a-secret-of-at-least-32-characters'
const OTHER = 'b-secret-of-at-least-32-characters'
const at = 1_000_000
const tokens = tokensOf({ secret: SECRET }, () => at)
const refused = { code: 'ERR_INVALID_TOKEN', status: 403 }

test('a token grants what it says, until it expires', () => {
  const claims = { expiresIn: 10, owner: 'alice', limits: { maxSize: 5 }, metadata: { a: 'b' }, key: 'k' }
  const token = signToken(SECRET, claims, at - 9)
  const { owner, limits, metadata, key, anyOwner } = tokens.grantOf(token, { verb: 'create', id: undefined })
  assert.deepEqual(
    { owner, limits, metadata, key, anyOwner },
    {
      ...{ owner: 'alice', limits: { maxSize: 5 }, metadata: { a: 'b' }, key: 'k', anyOwner: false },
    },
  )
  const late = signToken(SECRET, claims, at - 10)
  assert.throws(() => tokens.grantOf(late, { verb: 'create', id: undefined }), refused)
})

test('a token for creating is for nothing else, and one for an upload for that one alone', () => {
  const creating = signToken(SECRET, { expiresIn: 10 }, at)
  for (const verb of ['append', 'offset', 'cancel', 'read'] as const) {
    assert.throws(() => tokens.grantOf(creating, { verb, id: 'a' }), refused, verb)
  }
  const token = tokens.tokenFor('a', 'alice')
  for (const verb of ['append', 'offset', 'cancel', 'read'] as const) {
    assert.equal(tokens.grantOf(token, { verb, id: 'a' }).anyOwner, true)
    assert.throws(() => tokens.grantOf(token, { verb, id: 'b' }), refused)
  }
  assert.throws(() => tokens.grantOf(token, { verb: 'create', id: undefined }), refused)
  const reading = signToken(SECRET, { expiresIn: 10, id: 'a', verbs: ['read'] }, at)
  tokens.grantOf(reading, { verb: 'read', id: 'a' })
  assert.throws(() => tokens.grantOf(reading, { verb: 'append', id: 'a' }), refused)
})

test('each change of a token makes it none', () => {
  const token = signToken(SECRET, { expiresIn: 10 }, at)
  const asked = { verb: 'create', id: undefined } as const
  tokens.grantOf(token, asked)
  for (let index = 0; index < token.length; index++) {
    const changed = `${token.slice(0, index)}${token[index] === 'A' ? 'B' : 'A'}${token.slice(index + 1)}`
    // The last character of Base64 has bits that mean nothing.
    if (index === token.length - 1) continue
    assert.throws(() => tokens.grantOf(changed, asked), refused, `at ${index}`)
  }
  for (const wrong of [
    '',
    '.',
    'a.b',
    `${token}.x`,
    `${token}.`,
    'x'.repeat(100_000),
    signToken(OTHER, { expiresIn: 10 }, at),
  ]) {
    assert.throws(() => tokens.grantOf(wrong, asked), refused)
  }
})

test('of several secrets the first signs, and all are believed', () => {
  const rotated = tokensOf({ secret: [OTHER, SECRET] }, () => at)
  rotated.grantOf(signToken(SECRET, { expiresIn: 10, id: 'a' }, at), { verb: 'read', id: 'a' })
  assert.throws(() => tokens.grantOf(rotated.tokenFor('a', undefined), { verb: 'read', id: 'a' }), refused)
})

test('a secret that can be guessed is refused', () => {
  for (const secret of ['', 'short', [], [SECRET, 'short']]) {
    assert.throws(() => tokensOf({ secret }, () => at), { code: 'ERR_INVALID_OPTIONS' })
    assert.throws(() => signToken(secret, { expiresIn: 1 }), { code: 'ERR_INVALID_OPTIONS' })
  }
  assert.throws(() => signToken(SECRET, { expiresIn: 0 }), { code: 'ERR_INVALID_OPTIONS' })
})
