import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diagnose, type Refusal, showSkew, type Target } from '../../../src/s3/doctor/diagnose.js'

const TARGET: Target = { bucket: 'media', endpoint: 'https://s3.example', region: 'eu-west-1', pathStyle: true }
const refusal = (status: number, code: string, more: Partial<Refusal> = {}): Refusal => ({
  status,
  code,
  message: 'whatever',
  ...more,
})

const ROWS: readonly [refusal: Refusal, sentence: RegExp][] = [
  [refusal(0, 'CredentialsProviderError'), /^No credentials were found: set AWS_ACCESS_KEY_ID/],
  [refusal(0, 'RegionMissing'), /--s3-region/],
  [refusal(0, 'ENOTFOUND'), /has no address: check the endpoint \(https:\/\/s3\.example\)/],
  [refusal(0, 'ECONNREFUSED'), /^Nothing listens at https:\/\/s3\.example/],
  [refusal(0, 'ETIMEDOUT'), /does not answer \(ETIMEDOUT\)/],
  [refusal(0, 'TimeoutError'), /does not answer/],
  [refusal(0, 'SomethingElse'), /does not answer \(SomethingElse\)/],
  [refusal(0, 'DEPTH_ZERO_SELF_SIGNED_CERT'), /certificate .* NODE_EXTRA_CA_CERTS/],
  [refusal(0, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'), /certificate/],
  [refusal(0, 'CERT_HAS_EXPIRED'), /certificate/],
  [refusal(0, 'ERR_TLS_CERT_ALTNAME_INVALID'), /certificate/],
  [refusal(0, 'EPROTO'), /does not speak TLS there: is its URL one with http:/],
  [refusal(0, 'ECONNRESET'), /cut the connection/],
  [refusal(404, 'NoSuchBucket'), /^There is no bucket media at https:\/\/s3\.example/],
  [refusal(403, 'InvalidAccessKeyId'), /AWS_ACCESS_KEY_ID/],
  [refusal(403, 'SignatureDoesNotMatch'), /AWS_SECRET_ACCESS_KEY/],
  [refusal(400, 'ExpiredToken'), /token .* has expired/],
  [refusal(403, 'InvalidToken'), /AWS_SESSION_TOKEN/],
  [refusal(403, 'RequestTimeTooSkewed', { skew: 20 * 60_000 }), /clock of this machine is 20 min wrong/],
  [
    refusal(301, 'PermanentRedirect', { region: 'us-east-2' }),
    /is in the region us-east-2, not in eu-west-1: .*--s3-region us-east-2/,
  ],
  [
    refusal(400, 'AuthorizationHeaderMalformed', { message: "the region 'x' is wrong; expecting 'ap-south-1'" }),
    /--s3-region ap-south-1/,
  ],
  [refusal(400, 'BadRequest', { region: 'us-east-2' }), /--s3-region us-east-2/],
  [refusal(200, 'NotS3'), /answers 200, but not as S3 does/],
  [refusal(503, 'SlowDown'), /answers 503 SlowDown: try again/],
  [refusal(400, 'Strange'), /refuses the first request: 400 Strange whatever\./],
]

for (const [given, sentence] of ROWS) {
  test(`${given.status} ${given.code} is one sentence`, () => {
    const said = diagnose(given, TARGET)
    assert.match(said ?? '', sentence)
    assert.match(said ?? '', /^[A-Za-z].*[.?]$/)
  })
}

test('a missing key and a denied one say that the bucket is there', () => {
  assert.equal(diagnose(refusal(404, 'NoSuchKey'), TARGET), undefined)
  assert.equal(diagnose(refusal(403, 'AccessDenied'), TARGET), undefined)
})

test('path style is worth a try only where it is not used', () => {
  const virtual = { ...TARGET, pathStyle: false }
  assert.match(diagnose(refusal(404, 'NoSuchBucket'), virtual) ?? '', /--s3-path-style/)
  assert.doesNotMatch(diagnose(refusal(404, 'NoSuchBucket'), TARGET) ?? '', /--s3-path-style/)
})

test('a skew is told in the unit that says it', () => {
  assert.deepEqual([90_000, -1_200_000, 3 * 3_600_000, 5 * 86_400_000].map(showSkew), [
    '90 s',
    '20 min',
    '3 h',
    '5 days',
  ])
})
