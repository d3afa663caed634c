import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, signedFields, verifyWebhook } from '../../src/hooks/webhook.js'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const OTHER = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
/** The example that implementations of Standard Webhooks are tested with. */
const KNOWN = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  at: 1_614_265_330_000,
  body: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
}
const headers = {
  'webhook-id': KNOWN.id,
  'webhook-timestamp': String(KNOWN.at / 1_000),
  'webhook-signature': KNOWN.signature,
}
const good = { body: KNOWN.body, headers, secrets: SECRET, now: () => KNOWN.at }

test('a message is signed as Standard Webhooks has it', () => {
  assert.deepEqual(signedFields(KNOWN.id, KNOWN.body, [keyOf(SECRET)], KNOWN.at), {
    'Webhook-Id': KNOWN.id,
    'Webhook-Timestamp': '1614265330',
    'Webhook-Signature': KNOWN.signature,
  })
})

test('without a secret there are its ID and the time, and no signature', () => {
  assert.deepEqual(Object.keys(signedFields('a', '', [], 0)), ['Webhook-Id', 'Webhook-Timestamp'])
})

test('a message that is signed right is believed', () => {
  assert.deepEqual(verifyWebhook(good), { test: 2432232314 })
  assert.deepEqual(verifyWebhook({ ...good, body: Buffer.from(KNOWN.body) }), { test: 2432232314 })
  assert.deepEqual(verifyWebhook({ ...good, headers: new Headers(headers) }), { test: 2432232314 })
  assert.deepEqual(verifyWebhook({ ...good, secrets: SECRET.slice(6) }), { test: 2432232314 })
})

test('while secrets change, one that fits is enough, on either side', () => {
  assert.deepEqual(verifyWebhook({ ...good, secrets: [OTHER, SECRET] }), { test: 2432232314 })
  const both = signedFields('a', '{}', [keyOf(OTHER), keyOf(SECRET)], KNOWN.at)
  const fields = Object.fromEntries(Object.entries(both).map(([name, value]) => [name.toLowerCase(), value]))
  for (const secrets of [SECRET, OTHER]) {
    assert.deepEqual(verifyWebhook({ ...good, body: '{}', headers: fields, secrets }), {})
  }
})

const bad: [rule: string, change: Partial<Parameters<typeof verifyWebhook>[0]>, says: RegExp][] = [
  ['with another body', { body: '{"test": 2432232315}' }, /signature/],
  ['with another ID', { headers: { ...headers, 'webhook-id': 'x' } }, /signature/],
  ['with another time', { headers: { ...headers, 'webhook-timestamp': '1614265331' } }, /signature/],
  [
    'of another version',
    { headers: { ...headers, 'webhook-signature': KNOWN.signature.replace('v1', 'v2') } },
    /signature/,
  ],
  ['by another secret', { secrets: OTHER }, /signature/],
  ['without any secret to compare', { secrets: [] }, /signature/],
  ['without a signature', { headers: { ...headers, 'webhook-signature': undefined } }, /no webhook-signature/],
  ['with several IDs', { headers: { ...headers, 'webhook-id': ['a', 'b'] } }, /no webhook-id/],
  ['with a time that is none', { headers: { ...headers, 'webhook-timestamp': 'now' } }, /no time/],
  ['that is too old', { now: () => KNOWN.at + 301_000 }, /too old/],
  ['of later', { now: () => KNOWN.at - 301_000 }, /from later/],
  ['that is older than is tolerated', { now: () => KNOWN.at + 2_000, tolerance: 1_000 }, /too old/],
]
for (const [rule, change, says] of bad) {
  test(`a message ${rule} is not believed`, () => assert.throws(() => verifyWebhook({ ...good, ...change }), says))
}

for (const secret of ['', 'whsec_', 'whsec_c2hvcnQ=', 'hunter2-hunter2-hunter2-hunter2!', `whsec_${'A'.repeat(100)}`]) {
  test(`'${secret}' is refused as a secret, without being told`, () => {
    assert.throws(
      () => keyOf(secret),
      ({ code, message }: Error & { code: string }) => {
        assert.equal(code, 'ERR_INVALID_OPTIONS')
        assert.doesNotMatch(message, /hunter2|c2hvcnQ|AAAA/)
        return true
      },
    )
  })
}
