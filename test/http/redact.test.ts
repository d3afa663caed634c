/** What lets a reader of a log act in a client's name is not in it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redact, redactFields } from '../../src/http/redact.js'

const texts: [what: string, text: string, expected: string][] = [
  ['a signature in a query', '/files/a?signature=abc&x=1', '/files/a?signature=[redacted]&x=1'],
  ['a token, in any writing', '/files/a?x=1&Upload_TOKEN=abc#f', '/files/a?x=1&Upload_TOKEN=[redacted]#f'],
  ['a name that is escaped', '/files/a?%73ignature=abc', '/files/a?%73ignature=[redacted]'],
  [
    'a URL that S3 would take',
    'https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=a%2Fb&partNumber=3',
    'https://b.s3.amazonaws.com/k?X-Amz-Date=[redacted]&X-Amz-Signature=[redacted]&partNumber=3',
  ],
  ['a password in a URL', 'cannot reach redis://:p@ss@h:6379/0', 'cannot reach redis://[redacted]@h:6379/0'],
  ['a user and a password', 'https://user:pass@h/hook?a=b', 'https://[redacted]@h/hook?a=b'],
  ['an Authorization', 'sent Bearer eyJhbGciOi.x.y', 'sent Bearer [redacted]'],
  ['basic credentials', 'basic dXNlcjpwYXNz', 'basic [redacted]'],
  ['an escape that is none', '/files/a?%zz=1&key=abc', '/files/a?%zz=1&key=[redacted]'],
  ['nothing secret', '/files/0f1d8a52?x=1&partNumber=2&uploadId=3', '/files/0f1d8a52?x=1&partNumber=2&uploadId=3'],
  ['an address with an @ in its path', 'https://h/a@b', 'https://h/a@b'],
]
for (const [what, text, expected] of texts) {
  test(`redacted: ${what}`, () => assert.equal(redact(text), expected))
}

test('fields under names of secrets are gone, however deep, and others stay as they are', () => {
  const date = new Date()
  const fields = {
    Authorization: 'Bearer abc',
    headers: { Cookie: 'a=b', 'set-cookie': ['c=d'], accept: '*/*', list: [{ token: 'x', at: '/f?token=1' }] },
    secretAccessKey: 'abc',
    'x-amz-security-token': 'abc',
    status: 200,
    token: 3,
    none: undefined,
    date,
  }
  assert.deepEqual(redactFields(fields), {
    Authorization: '[redacted]',
    headers: {
      Cookie: '[redacted]',
      'set-cookie': '[redacted]',
      accept: '*/*',
      list: [{ token: '[redacted]', at: '/f?token=[redacted]' }],
    },
    secretAccessKey: '[redacted]',
    'x-amz-security-token': '[redacted]',
    status: 200,
    token: 3,
    none: undefined,
    date,
  })
})

test('the time is linear in the text', () => {
  for (const unit of ['?', '://', '&a', '?a=', 'a@', 'Bearer ', ':/', '://a@']) {
    const started = performance.now()
    redact(unit.repeat(100_000))
    assert.ok(performance.now() - started < 2_000, unit)
  }
})
