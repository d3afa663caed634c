/** Whether the server checks what it is told about the bytes, and remembers it. @module */
import { ChecksumAlgorithm, ChecksumType, type CreateMultipartUploadCommandInput } from '@aws-sdk/client-s3'
import { CHECKSUMS } from '../bucket/digests.js'
import {
  type Context,
  createUpload,
  exchange,
  expect,
  md5,
  PART,
  rawRefused,
  read,
  refused,
  sha256Base64,
  someBytes,
} from './context.js'
import type { Behaviour } from './index.js'
import { frameSigned } from './signing.js'

const NINE = '123456789'
/** Check values of the CRCs, as everybody publishes them for these nine digits. */
const CRC32 = 'y/Q5Jg=='
const CRC32C = '4waSgw=='
const CRC64NVME = 'rosUhgp5mIg='

function crcOf(algorithm: 'CRC32' | 'CRC64NVME', bytes: Buffer): string {
  const hasher = CHECKSUMS[algorithm].create()
  hasher.update(bytes)
  return hasher.digest().toString('base64')
}

/** Uploads two parts with checksums of the kind said at Create, ready to be completed. */
async function checkedParts(context: Context, input: Partial<CreateMultipartUploadCommandInput>, bodies: Buffer[]) {
  const upload = await createUpload(context, context.key(), input)
  const Parts = []
  for (const [at, Body] of bodies.entries()) {
    const part = await context.s3.uploadPart({
      ...upload,
      PartNumber: at + 1,
      Body,
      ChecksumAlgorithm: input.ChecksumAlgorithm,
    })
    const { ETag, ChecksumCRC32, ChecksumSHA256, ChecksumCRC64NVME } = part
    Parts.push({ PartNumber: at + 1, ETag, ChecksumCRC32, ChecksumSHA256, ChecksumCRC64NVME })
  }
  return { upload, MultipartUpload: { Parts } }
}

const FULL_CRC32 = { ChecksumAlgorithm: ChecksumAlgorithm.CRC32, ChecksumType: ChecksumType.FULL_OBJECT }

export const INTEGRITY_ROWS: readonly Behaviour[] = [
  {
    id: 'checksum-stored',
    rule: 'A checksum sent with an object is told to who asks for it.',
    async run({ s3, bucket, key }) {
      for (const [algorithm, wanted] of [
        ['CRC32', CRC32],
        ['CRC32C', CRC32C],
        ['CRC64NVME', CRC64NVME],
        ['SHA256', sha256Base64(NINE)],
      ] as const) {
        const given = { [`Checksum${algorithm}`]: wanted }
        await s3.putObject({ Bucket: bucket, Key: key(algorithm), Body: NINE, ...given })
        const head = await s3.headObject({ Bucket: bucket, Key: key(algorithm), ChecksumMode: 'ENABLED' })
        expect(head[`Checksum${algorithm}`] === wanted, `${algorithm}: ${head[`Checksum${algorithm}`]}`)
      }
    },
  },
  {
    id: 'checksum-wrong',
    rule: 'An object or a part whose checksum or Content-MD5 is of other bytes is refused and leaves nothing.',
    async run(context) {
      const { s3, plain, bucket, key } = context
      await refused(s3.putObject({ Bucket: bucket, Key: key(), Body: 'zzz', ChecksumCRC32: 'AAAAAA==' }), 400)
      await refused(
        plain.putObject({ Bucket: bucket, Key: key(), Body: 'zzz', ContentMD5: Buffer.alloc(16).toString('base64') }),
        400,
      )
      await refused(s3.headObject({ Bucket: bucket, Key: key() }), 404)
      const upload = await createUpload(context, key())
      await refused(s3.uploadPart({ ...upload, PartNumber: 1, Body: 'zzz', ChecksumCRC32: 'AAAAAA==' }), 400)
      await refused(
        plain.uploadPart({ ...upload, PartNumber: 1, Body: 'zzz', ContentMD5: Buffer.alloc(16).toString('base64') }),
        400,
      )
      const { Parts = [] } = await s3.listParts(upload)
      expect(Parts.length === 0, 'the part is there')
    },
  },
  {
    id: 'checksum-malformed',
    rule: 'What is no MD5, or no CRC32, is refused.',
    async run({ raw, key }) {
      rawRefused(await raw({ method: 'PUT', key: key(), body: 'x', headers: { 'content-md5': 'bm8=' } }), 400)
      rawRefused(await raw({ method: 'PUT', key: key(), body: 'x', headers: { 'x-amz-checksum-crc32': 'bm8=' } }), 400)
    },
  },
  {
    id: 'payload-hash',
    rule: 'A body whose SHA-256 is not the one that was signed is refused and leaves nothing.',
    async run({ raw, s3, bucket, key }) {
      const answer = await raw({ method: 'PUT', key: key(), body: 'x' }, { payload: 'a'.repeat(64) })
      await refused(s3.headObject({ Bucket: bucket, Key: key() }), 404)
      return rawRefused(answer, 400)
    },
  },
  {
    id: 'chunks-signed',
    rule: 'A body of signed chunks is stored without its framing; a chunk with another signature is refused.',
    async run(context) {
      const chunks = [Buffer.alloc(65_536, 'a'), Buffer.alloc(1024, 'b')]
      const headers = { 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': String(65_536 + 1024) }
      const request = { method: 'PUT', key: context.key(), headers }
      const payload = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'
      const put = await context.raw(request, { payload, frame: (seed) => frameSigned(chunks, seed) })
      expect(put.status === 200, `${put.status} ${put.body.slice(0, 150)}`)
      expect((await read(context, context.key())).equals(Buffer.concat(chunks)), 'other bytes')
      const { ContentEncoding } = await context.s3.headObject({ Bucket: context.bucket, Key: context.key() })
      expect(!ContentEncoding, `Content-Encoding ${ContentEncoding} is kept`)
      const tampered = (framed: Buffer) => Buffer.from(framed.toString('latin1').replace('aaaa', 'aaab'), 'latin1')
      const forged = await context.raw(request, { payload, frame: (seed) => tampered(frameSigned(chunks, seed)) })
      return rawRefused(forged, 403)
    },
  },
  {
    id: 'trailer-signed',
    rule: 'A checksum in a signed trailer is checked, and so is the signature of the trailer.',
    async run({ raw, key }) {
      const body = [Buffer.from(NINE)]
      const headers = {
        'content-encoding': 'aws-chunked',
        'x-amz-decoded-content-length': '9',
        'x-amz-trailer': 'x-amz-checksum-crc32c',
      }
      const request = { method: 'PUT', key: key(), headers }
      const payload = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'
      const name = 'x-amz-checksum-crc32c'
      const right = await raw(request, { payload, frame: (seed) => frameSigned(body, seed, [name, CRC32C]) })
      expect(right.status === 200, `${right.status} ${right.body.slice(0, 150)}`)
      rawRefused(await raw(request, { payload, frame: (seed) => frameSigned(body, seed, [name, 'AAAAAA==']) }), 400)
      const forge = (framed: Buffer) => Buffer.from(framed.toString().replace(/(trailer-signature:)./, '$1x'))
      rawRefused(await raw(request, { payload, frame: (seed) => forge(frameSigned(body, seed, [name, CRC32C])) }), 403)
    },
  },
  {
    id: 'trailer-unsigned',
    rule: 'A checksum in an unsigned trailer is checked.',
    async run({ raw, key }) {
      const headers = {
        'content-encoding': 'aws-chunked',
        'x-amz-decoded-content-length': '9',
        'x-amz-trailer': 'x-amz-checksum-crc32',
      }
      const payload = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
      const framed = (crc: string) => Buffer.from(`9\r\n${NINE}\r\n0\r\nx-amz-checksum-crc32:${crc}\r\n\r\n`)
      const request = { method: 'PUT', key: key(), headers }
      rawRefused(await raw(request, { payload, frame: () => framed('AAAAAA==') }), 400)
      const right = await raw(request, { payload, frame: () => framed(CRC32) })
      expect(right.status === 200, `${right.status} ${right.body.slice(0, 150)}`)
    },
  },
  {
    id: 'length-required',
    rule: 'A body of unknown length is refused with 411.',
    async run({ url, key }) {
      const put = await exchange(url({ method: 'PUT', key: key() }, 60), {
        method: 'PUT',
        headers: { 'transfer-encoding': 'chunked' },
        body: Buffer.from('x'),
      })
      return rawRefused(put, 411)
    },
  },
  {
    id: 'multipart-full-object',
    rule: 'With FULL_OBJECT the checksum of an uploaded object is that of all its bytes.',
    async run(context) {
      const bodies = [someBytes(PART), Buffer.from(NINE)]
      for (const algorithm of [ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC64NVME]) {
        const kind = { ChecksumAlgorithm: algorithm, ChecksumType: ChecksumType.FULL_OBJECT }
        const { upload, MultipartUpload } = await checkedParts(context, kind, bodies)
        const wanted = crcOf(algorithm, Buffer.concat(bodies))
        await refused(
          context.s3.completeMultipartUpload({
            ...upload,
            MultipartUpload,
            ...{ [`Checksum${algorithm}`]: crcOf(algorithm, bodies[0]!) },
          }),
          400,
        )
        await context.s3.completeMultipartUpload({
          ...upload,
          MultipartUpload,
          ChecksumType: 'FULL_OBJECT',
          ...{ [`Checksum${algorithm}`]: wanted },
        })
        const head = await context.s3.headObject({ Bucket: context.bucket, Key: upload.Key, ChecksumMode: 'ENABLED' })
        expect(
          head[`Checksum${algorithm}`] === wanted && head.ChecksumType === 'FULL_OBJECT',
          `${algorithm}: ${head[`Checksum${algorithm}`]} ${head.ChecksumType}`,
        )
      }
    },
  },
  {
    id: 'multipart-full-object-parts',
    rule: 'With FULL_OBJECT Complete need not name the checksums of the parts.',
    async run(context) {
      const bodies = [someBytes(PART), Buffer.from(NINE)]
      const { upload, MultipartUpload } = await checkedParts(context, FULL_CRC32, bodies)
      const Parts = MultipartUpload.Parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }))
      const ChecksumCRC32 = crcOf('CRC32', Buffer.concat(bodies))
      await context.s3.completeMultipartUpload({ ...upload, MultipartUpload: { Parts }, ChecksumCRC32 })
    },
  },
  {
    id: 'multipart-full-object-copy',
    rule: 'With FULL_OBJECT a part may be a copy, and counts for the checksum of the object.',
    async run(context) {
      const { s3, bucket, key } = context
      const bodies = [someBytes(PART), Buffer.from(NINE)]
      await s3.putObject({ Bucket: bucket, Key: key('source'), Body: bodies[0]! })
      const upload = await createUpload(context, key(), FULL_CRC32)
      const CopySource = `${bucket}/${key('source')}`
      const { CopyPartResult: copied } = await s3.uploadPartCopy({ ...upload, PartNumber: 1, CopySource })
      const sent = await s3.uploadPart({ ...upload, PartNumber: 2, Body: bodies[1]!, ChecksumAlgorithm: 'CRC32' })
      const Parts = [copied, sent].map((part, at) => ({
        PartNumber: at + 1,
        ETag: part?.ETag,
        ChecksumCRC32: crcOf('CRC32', bodies[at]!),
      }))
      const ChecksumCRC32 = crcOf('CRC32', Buffer.concat(bodies))
      await s3.completeMultipartUpload({ ...upload, MultipartUpload: { Parts }, ChecksumCRC32 })
      const head = await s3.headObject({ Bucket: bucket, Key: upload.Key, ChecksumMode: 'ENABLED' })
      expect(head.ChecksumCRC32 === ChecksumCRC32, `${head.ChecksumCRC32} ${head.ChecksumType}`)
    },
  },
  {
    id: 'multipart-composite',
    rule: "With COMPOSITE the checksum of an uploaded object is that of its parts' checksums, with their number.",
    async run(context) {
      const bodies = [someBytes(PART), Buffer.from(NINE)]
      const { upload, MultipartUpload } = await checkedParts(
        context,
        { ChecksumAlgorithm: ChecksumAlgorithm.SHA256 },
        bodies,
      )
      await context.s3.completeMultipartUpload({ ...upload, MultipartUpload })
      const head = await context.s3.headObject({ Bucket: context.bucket, Key: upload.Key, ChecksumMode: 'ENABLED' })
      const digests = Buffer.concat(bodies.map((body) => Buffer.from(sha256Base64(body), 'base64')))
      expect(
        head.ChecksumSHA256 === `${sha256Base64(digests)}-2` && head.ChecksumType === 'COMPOSITE',
        `${head.ChecksumSHA256} ${head.ChecksumType}`,
      )
    },
  },
  {
    id: 'etag-multipart',
    rule: "The ETag of an uploaded object is the MD5 of its parts' MD5s, with their number.",
    async run(context) {
      const upload = await createUpload(context, context.key())
      const { ETag: part } = await context.s3.uploadPart({ ...upload, PartNumber: 1, Body: NINE })
      const { ETag } = await context.s3.completeMultipartUpload({
        ...upload,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part }] },
      })
      expect(ETag === `"${md5(Buffer.from(md5(NINE), 'hex'))}-1"`, `${ETag}`)
    },
  },
]
