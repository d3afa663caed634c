/** Who gets in, and how requests may be addressed and sent. @module */
import { Readable } from 'node:stream'
import { createUpload, exchange, expect, MiB, rawRefused, read, refused, someBytes } from './context.js'
import type { Behaviour } from './index.js'

const MINUTE = 60_000

function* zeros(size: number): Generator<Buffer> {
  const chunk = Buffer.alloc(65_536, 7)
  for (let left = size; left > 0; left -= chunk.length) yield chunk.subarray(0, Math.min(left, chunk.length))
}

export const ACCESS_ROWS: readonly Behaviour[] = [
  {
    id: 'wrong-secret',
    rule: 'A signature made with another secret is refused.',
    async run({ client, target, bucket, key }) {
      const credentials = { accessKeyId: target.credentials.accessKeyId, secretAccessKey: 'not-the-secret' }
      const { code } = await refused(client({ credentials }).getObject({ Bucket: bucket, Key: key() }), 403)
      return code
    },
  },
  {
    id: 'unknown-access-key',
    rule: 'An access key that nobody has is refused.',
    async run({ client, bucket, key }) {
      const credentials = { accessKeyId: 'NOBODYS', secretAccessKey: 'not-the-secret' }
      const { code } = await refused(client({ credentials }).getObject({ Bucket: bucket, Key: key() }), 403)
      return code
    },
  },
  {
    id: 'anonymous',
    rule: 'Requests without a signature are refused, reading and writing.',
    async run({ url, key }) {
      const unsigned = url({ method: 'GET', key: key() }, 60)
      unsigned.search = ''
      rawRefused(await exchange(unsigned, {}), 403)
      rawRefused(
        await exchange(unsigned, { method: 'PUT', headers: { 'content-length': '1' }, body: Buffer.from('x') }),
        403,
      )
    },
  },
  {
    id: 'clock-skew',
    rule: 'A signature of more than 15 minutes ago, or ahead, is refused.',
    async run({ raw, key }) {
      for (const skew of [-20 * MINUTE, 20 * MINUTE]) {
        rawRefused(await raw({ method: 'GET', key: key() }, { time: Date.now() + skew }), 403)
      }
    },
  },
  {
    id: 'presigned',
    rule: 'A presigned URL reads and writes what it was made for, until it expires.',
    async run(context) {
      const { url, key } = context
      const request = { method: 'PUT', key: key('ü +&'), query: { 'x-amz-meta-a': 'b c' } }
      const put = (target: URL) =>
        exchange(target, { method: 'PUT', headers: { 'content-length': '5' }, body: Buffer.from('hello') })
      const { status, body } = await put(url(request, 60))
      expect(status === 200, `PUT: ${status} ${body.slice(0, 150)}`)
      const got = await exchange(url({ method: 'GET', key: request.key }, 60), {})
      expect(got.status === 200 && got.body === 'hello', `GET: ${got.status}`)
      rawRefused(await put(url(request, 60, Date.now() - 2 * MINUTE)), 403)
      const other = url(request, 60)
      other.pathname += 'x'
      rawRefused(await put(other), 403)
    },
  },
  {
    id: 'expect-continue',
    rule: 'Expect: 100-continue is answered by a 100 if the request may go on, and by the refusal if not.',
    async run({ url, key, s3, bucket }) {
      const put = (target: URL) =>
        exchange(target, {
          method: 'PUT',
          headers: { 'content-length': '1', expect: '100-continue' },
          body: Buffer.from('x'),
        })
      const taken = await put(url({ method: 'PUT', key: key() }, 60))
      expect(taken.status === 200 && taken.continued, `${taken.status}, continued: ${taken.continued}`)
      const late = await put(url({ method: 'PUT', key: key('late') }, 60, Date.now() - 2 * MINUTE))
      rawRefused(late, 403)
      await s3.headObject({ Bucket: bucket, Key: key() })
      return late.continued ? 'sends the 100 before it looks' : undefined
    },
  },
  {
    id: 'virtual-host',
    rule: 'The bucket may be named in the host.',
    async run(context) {
      const { hostname } = new URL(context.target.endpoint)
      if (!/^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname)) return 'not tried: needs a name that resolves'
      await context.plain.putObject({ Bucket: context.bucket, Key: context.key(), Body: 'x' })
      const host = `${context.bucket}.localhost:${new URL(context.target.endpoint).port}`
      const got = await context.raw({ method: 'GET', key: context.key() }, { host })
      expect(got.status === 200 && got.body === 'x', `${got.status} ${got.body.slice(0, 150)}`)
      return undefined
    },
  },
  {
    id: 'request-id',
    rule: 'Errors are XML with Code, Message and RequestId.',
    async run({ raw, key }) {
      const { status, headers, body } = await raw({ method: 'GET', key: key() })
      expect(status === 404 && /<Code>NoSuchKey<.*<RequestId>[^<]+</s.test(body), `${status} ${body.slice(0, 200)}`)
      expect(headers['x-amz-request-id'], 'no x-amz-request-id')
    },
  },
]

export const LOAD_ROWS: readonly Behaviour[] = [
  {
    id: 'large-part-memory',
    rule: 'A part of 200 MiB passes through without being held in memory.',
    slow: true,
    async run(context) {
      const { memory } = context
      const upload = await createUpload(context, context.key())
      const before = memory?.() ?? 0
      let peak = before
      const watch = setInterval(() => (peak = Math.max(peak, memory?.() ?? 0)), 20)
      const started = performance.now()
      try {
        await context.plain.uploadPart({
          ...upload,
          PartNumber: 1,
          Body: Readable.from(zeros(200 * MiB)),
          ContentLength: 200 * MiB,
        })
      } finally {
        clearInterval(watch)
        await context.s3.abortMultipartUpload(upload)
      }
      expect(peak - before < 120 * MiB, `${Math.round((peak - before) / MiB)} MiB more`)
      return `${memory === undefined ? 'memory not measured' : `${Math.round((peak - before) / MiB)} MiB more`}, ${rate(200, started)}`
    },
  },
  {
    id: 'throughput-buffers',
    rule: 'How fast parts of 16 MiB with checksums go in, one after another.',
    slow: true,
    informational: true,
    async run(context) {
      const upload = await createUpload(context, context.key())
      const Body = someBytes(16 * MiB)
      const started = performance.now()
      for (let PartNumber = 1; PartNumber <= 16; PartNumber++)
        await context.s3.uploadPart({ ...upload, PartNumber, Body })
      const detail = rate(256, started)
      await context.s3.abortMultipartUpload(upload)
      return detail
    },
  },
  {
    id: 'throughput-streams',
    rule: 'How fast unsigned parts of 16 MiB go in, four at once.',
    slow: true,
    informational: true,
    async run(context) {
      const upload = await createUpload(context, context.key())
      const started = performance.now()
      const one = (PartNumber: number) =>
        context.plain.uploadPart({
          ...upload,
          PartNumber,
          Body: Readable.from(zeros(16 * MiB)),
          ContentLength: 16 * MiB,
        })
      for (let first = 1; first <= 16; first += 4) await Promise.all([0, 1, 2, 3].map((at) => one(first + at)))
      const detail = rate(256, started)
      await context.s3.abortMultipartUpload(upload)
      return detail
    },
  },
  {
    id: 'read-back',
    rule: 'A large object comes back as it went in, while others are read too.',
    async run(context) {
      const bytes = someBytes(8 * MiB)
      await context.plain.putObject({ Bucket: context.bucket, Key: context.key(), Body: bytes })
      const copies = await Promise.all([1, 2, 3].map(() => read(context, context.key())))
      expect(
        copies.every((copy) => copy.equals(bytes)),
        'other bytes',
      )
    },
  },
]

const rate = (mebibytes: number, started: number) =>
  `${Math.round((mebibytes * 1000) / (performance.now() - started))} MiB/s`
