import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import { SignatureV4 } from '@smithy/signature-v4'
import { canonicalQuery, encodeKey, sign } from '../../../src/s3/call/sign.js'

/** Of the AWS SDK, in the shape that it wants. */
class Sha256 {
  readonly #key: Uint8Array | string | undefined
  #data: Buffer[] = []
  constructor(key?: Uint8Array | string) {
    this.#key = key
  }
  update(data: Uint8Array | string): void {
    this.#data.push(Buffer.from(data as string))
  }
  async digest(): Promise<Uint8Array> {
    const data = Buffer.concat(this.#data)
    if (this.#key === undefined) return createHash('sha256').update(data).digest()
    return createHmac('sha256', this.#key).update(data).digest()
  }
}

const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
const NOW = new Date('2026-11-26T04:05:06.789Z')

const REQUESTS: Record<string, { key: string; query?: Record<string, string>; headers?: Record<string, string> }> = {
  'a plain key': { key: 'files/0123abc.info' },
  'a part': { key: 'k', query: { uploadId: 'a+b/c=~', partNumber: '10' } },
  'a key that needs encoding': { key: "ümlaut/a b/(c)!'*~.part1" },
  'metadata with space in front, at the end and within': {
    key: 'k',
    headers: { 'x-amz-meta-name': '  two  spaces\tand a tab ', 'x-amz-meta-empty': '' },
  },
  'a condition and a type': {
    key: 'k',
    headers: { 'if-match': '"etag"', 'content-type': 'text/plain; charset=utf-8' },
  },
}

for (const [name, { key, query = {}, headers = {} }] of Object.entries(REQUESTS)) {
  for (const sessionToken of [undefined, 'FwoGZXIvYXdzE/token+=']) {
    test(`${name}${sessionToken ? ', with a session token' : ''}: the signature is the SDK’s`, async () => {
      const credentials = { ...CREDENTIALS, ...(sessionToken ? { sessionToken } : {}) }
      const path = `/bucket/${encodeKey(key)}`
      const given = { host: 's3.example.org', ...headers }
      const ours = sign('PUT', path, query, given, credentials, 'eu-central-1', NOW)
      const signer = new SignatureV4({
        credentials,
        region: 'eu-central-1',
        service: 's3',
        sha256: Sha256 as never,
        uriEscapePath: false,
        applyChecksum: false,
      })
      const unsigned = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }
      const request = { method: 'PUT', protocol: 'https:', hostname: 's3.example.org', path, query }
      const theirs = await signer.sign(
        { ...request, headers: { ...given, ...unsigned } },
        { signingDate: NOW, unsignableHeaders: new Set() },
      )
      assert.equal(ours.authorization, theirs.headers.authorization)
      assert.equal(ours['x-amz-date'], theirs.headers['x-amz-date'])
    })
  }
}

test('the query is sorted by its encoded names', () => {
  assert.equal(canonicalQuery({ uploadId: 'x/y', partNumber: '3' }), 'partNumber=3&uploadId=x%2Fy')
})
