import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { canonicalRequest, type SignedHead, sha256, verifySignature } from '../../../src/testing/bucket/auth.js'
import { ChunkedDecoder, ChunkSignatures } from '../../../src/testing/bucket/chunked.js'
import { presign, signHeaders } from '../../../src/testing/probe/signing.js'

/** The examples of AWS's documentation, "Authenticating Requests (AWS Signature Version 4)". */
const ACCOUNT = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  region: 'us-east-1',
}
const HOST = 'examplebucket.s3.amazonaws.com'
const DATE = '20130524T000000Z'
const NOW = Date.UTC(2013, 4, 24)
const EMPTY = sha256('')

const authorization = (names: string, signature: string) =>
  `AWS4-HMAC-SHA256 Credential=${ACCOUNT.accessKeyId}/20130524/us-east-1/s3/aws4_request,SignedHeaders=${names},Signature=${signature}`

const head = (
  [method, path, query]: [string, string, [string, string][]],
  headers: Record<string, string>,
  names: string,
  signature: string,
): SignedHead => ({
  method,
  path,
  query,
  headers: new Map(Object.entries({ host: HOST, ...headers, authorization: authorization(names, signature) })),
})

const EXAMPLES: [name: string, SignedHead][] = [
  [
    'GET with a range',
    head(
      ['GET', '/test.txt', []],
      { range: 'bytes=0-9', 'x-amz-content-sha256': EMPTY, 'x-amz-date': DATE },
      'host;range;x-amz-content-sha256;x-amz-date',
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ),
  ],
  [
    'PUT with a storage class',
    head(
      ['PUT', '/test%24file.text', []],
      {
        date: 'Fri, 24 May 2013 00:00:00 GMT',
        'x-amz-content-sha256': sha256('Welcome to Amazon S3.'),
        'x-amz-date': DATE,
        'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      },
      'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    ),
  ],
  [
    'GET of a sub-resource',
    head(
      ['GET', '/', [['lifecycle', '']]],
      { 'x-amz-content-sha256': EMPTY, 'x-amz-date': DATE },
      'host;x-amz-content-sha256;x-amz-date',
      'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    ),
  ],
  [
    'a list',
    head(
      [
        'GET',
        '/',
        [
          ['max-keys', '2'],
          ['prefix', 'J'],
        ],
      ],
      { 'x-amz-content-sha256': EMPTY, 'x-amz-date': DATE },
      'host;x-amz-content-sha256;x-amz-date',
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    ),
  ],
]

const PRESIGNED: SignedHead = {
  method: 'GET',
  path: '/test.txt',
  query: [
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${ACCOUNT.accessKeyId}/20130524/us-east-1/s3/aws4_request`],
    ['X-Amz-Date', DATE],
    ['X-Amz-Expires', '86400'],
    ['X-Amz-SignedHeaders', 'host'],
    ['X-Amz-Signature', 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404'],
  ],
  headers: new Map([['host', HOST]]),
}

const CHUNKED = head(
  ['PUT', '/examplebucket/chunkObject.txt', []],
  {
    host: 's3.amazonaws.com',
    'content-encoding': 'aws-chunked',
    'content-length': '66824',
    'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    'x-amz-date': DATE,
    'x-amz-decoded-content-length': '66560',
    'x-amz-storage-class': 'REDUCED_REDUNDANCY',
  },
  'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class',
  '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
)

const GET = EXAMPLES[0]![1]
const withHeader = (name: string, value: string): SignedHead => ({
  ...GET,
  headers: new Map([...GET.headers, [name, value]]),
})
const refuses = (request: SignedHead, code: string, now = NOW) =>
  assert.throws(() => verifySignature(request, ACCOUNT, now), { code })

describe('signatures in headers', () => {
  for (const [name, request] of EXAMPLES) {
    it(`accepts the documented example: ${name}`, () => {
      verifySignature(request, ACCOUNT, NOW)
    })
  }

  it('gives the canonical request of the documentation', () => {
    const text = canonicalRequest(GET, ['host', 'range', 'x-amz-content-sha256', 'x-amz-date'], EMPTY)
    assert.equal(sha256(text), '7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972')
  })

  it('refuses when anything that was signed is different', () => {
    refuses({ ...GET, method: 'PUT' }, 'SignatureDoesNotMatch')
    refuses({ ...GET, path: '/test.txu' }, 'SignatureDoesNotMatch')
    refuses({ ...GET, query: [['acl', '']] }, 'SignatureDoesNotMatch')
    refuses(withHeader('range', 'bytes=0-10'), 'SignatureDoesNotMatch')
    refuses(withHeader('x-amz-content-sha256', sha256('x')), 'SignatureDoesNotMatch')
  })

  it('refuses a header of S3 that was not signed', () => {
    refuses(withHeader('x-amz-acl', 'public-read'), 'AccessDenied')
  })

  it('refuses another key, region or shape', () => {
    const replaced = (from: string, to: string) =>
      withHeader('authorization', GET.headers.get('authorization')!.replace(from, to))
    refuses(replaced('AKIA', 'BKIA'), 'InvalidAccessKeyId')
    refuses(replaced('us-east-1', 'eu-west-1'), 'AuthorizationHeaderMalformed')
    refuses(replaced('/s3/', '/sqs/'), 'AuthorizationHeaderMalformed')
    refuses(withHeader('authorization', 'Basic abc'), 'AuthorizationHeaderMalformed')
    refuses({ ...GET, headers: new Map([['host', HOST]]) }, 'AccessDenied')
  })

  it('refuses a clock that is more than 15 minutes off', () => {
    verifySignature(GET, ACCOUNT, NOW + 15 * 60_000)
    refuses(GET, 'RequestTimeTooSkewed', NOW + 15 * 60_000 + 1)
    refuses(GET, 'RequestTimeTooSkewed', NOW - 15 * 60_000 - 1)
  })
})

describe('presigned signatures', () => {
  it('accepts the documented example until it expires', () => {
    assert.equal(verifySignature(PRESIGNED, ACCOUNT, NOW + 86_400_000).presigned, true)
    refuses(PRESIGNED, 'AccessDenied', NOW + 86_400_001)
  })

  it('refuses another query', () => {
    refuses({ ...PRESIGNED, query: [...PRESIGNED.query, ['partNumber', '1']] }, 'SignatureDoesNotMatch')
  })
})

describe('signed chunks', () => {
  const chunk = (size: number, signature: string) =>
    Buffer.from(`${size.toString(16)};chunk-signature=${signature}\r\n${'a'.repeat(size)}\r\n`)
  const body = Buffer.concat([
    chunk(65_536, 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648'),
    chunk(1024, '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497'),
    chunk(0, 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9'),
  ])

  it('accepts the documented example', () => {
    assert.equal(body.length, 66_824)
    const decoder = new ChunkedDecoder(new ChunkSignatures(verifySignature(CHUNKED, ACCOUNT, NOW)))
    assert.equal(Buffer.concat(decoder.push(body)).toString(), 'a'.repeat(66_560))
    decoder.finish()
  })

  it('refuses it with one byte changed', () => {
    const changed = Buffer.from(body)
    changed[70_000 - 4000] = 98
    const decoder = new ChunkedDecoder(new ChunkSignatures(verifySignature(CHUNKED, ACCOUNT, NOW)))
    assert.throws(() => decoder.push(changed), { code: 'SignatureDoesNotMatch' })
  })
})

describe("the probe's own signatures", () => {
  const signer = { region: ACCOUNT.region, credentials: ACCOUNT }

  it('are those of the documentation', () => {
    const request = { method: 'GET', host: HOST, path: '/test.txt', query: [], headers: { range: 'bytes=0-9' } }
    assert.equal(signHeaders(request, signer, EMPTY, NOW).headers.authorization, GET.headers.get('authorization'))
    const query = presign({ ...request, headers: {} }, signer, 86_400, NOW)
    assert.deepEqual(query, PRESIGNED.query)
  })
})
