/** Conditions: on reads, and on writes, where of several at once exactly one may win. @module */
import { type Context, createUpload, expect, race, read, refused, unquoted, uploadParts } from './context.js'
import type { Behaviour } from './index.js'

const WRITERS = 8
/** What the losers of a race may be told. */
const LOST = [412, 409]

const put = (
  { plain, bucket, key }: Context,
  Body: string,
  conditions: { IfMatch?: string; IfNoneMatch?: string } = {},
) => plain.putObject({ Bucket: bucket, Key: key(), Body, ...conditions })

export const CONDITION_ROWS: readonly Behaviour[] = [
  {
    id: 'read-if-none-match',
    rule: 'GET If-None-Match with the ETag answers 304.',
    async run(context) {
      const { ETag } = await put(context, 'x')
      await refused(context.s3.getObject({ Bucket: context.bucket, Key: context.key(), IfNoneMatch: ETag }), 304)
    },
  },
  {
    id: 'read-if-match',
    rule: 'GET If-Match with another ETag answers 412.',
    async run(context) {
      const { ETag } = await put(context, 'x')
      const object = { Bucket: context.bucket, Key: context.key() }
      await context.s3.getObject({ ...object, IfMatch: ETag })
      await refused(context.s3.getObject({ ...object, IfMatch: '"deadbeef"' }), 412)
    },
  },
  {
    id: 'read-if-modified',
    rule: 'GET If-Modified-Since a later time answers 304; If-Unmodified-Since an earlier one, 412.',
    async run(context) {
      await put(context, 'x')
      const object = { Bucket: context.bucket, Key: context.key() }
      const { LastModified } = await context.s3.headObject(object)
      await refused(context.s3.getObject({ ...object, IfModifiedSince: LastModified }), 304)
      await refused(
        context.s3.getObject({ ...object, IfUnmodifiedSince: new Date(LastModified!.getTime() - 60_000) }),
        412,
      )
    },
  },
  {
    id: 'put-if-none-match',
    rule: 'PUT If-None-Match: * creates once; then it answers 412 and leaves the object as it is.',
    async run(context) {
      await put(context, '1', { IfNoneMatch: '*' })
      await refused(put(context, '2', { IfNoneMatch: '*' }), 412)
      expect((await read(context, context.key())).toString() === '1', 'it was overwritten')
    },
  },
  {
    id: 'put-if-none-match-race',
    rule: 'Of eight writers at once with If-None-Match: * one wins, and its bytes are there.',
    async run(context) {
      const writes = Array.from({ length: WRITERS }, (_, at) =>
        put(context, `w${at}`, { IfNoneMatch: '*' }).then(() => `w${at}`),
      )
      const winners = await race(writes, ...LOST)
      expect(winners.length === 1, `${winners.length} winners`)
      expect((await read(context, context.key())).toString() === winners[0], "not the winner's bytes")
    },
  },
  {
    id: 'put-if-match',
    rule: 'PUT If-Match replaces the version that was read, and answers 412 to a stale ETag.',
    async run(context) {
      const { ETag } = await put(context, '1')
      await put(context, '2', { IfMatch: ETag! })
      await refused(put(context, '3', { IfMatch: ETag! }), 412)
      expect((await read(context, context.key())).toString() === '2', 'it was overwritten')
    },
  },
  {
    id: 'put-if-match-unquoted',
    rule: 'If-Match takes an ETag without its quotes.',
    async run(context) {
      const { ETag } = await put(context, '1')
      await put(context, '2', { IfMatch: unquoted(ETag)! })
    },
  },
  {
    id: 'put-if-match-missing',
    rule: 'PUT If-Match on a key that is not there answers 404.',
    async run(context) {
      await refused(put(context, '1', { IfMatch: '"0123456789abcdef0123456789abcdef"' }), 404)
      await refused(context.s3.headObject({ Bucket: context.bucket, Key: context.key() }), 404)
    },
  },
  {
    id: 'put-if-match-race',
    rule: 'Of eight writers at once that replace the same version one wins.',
    async run(context) {
      const { ETag } = await put(context, 'first')
      const writes = Array.from({ length: WRITERS }, (_, at) =>
        put(context, `w${at}`, { IfMatch: ETag! }).then(() => `w${at}`),
      )
      const winners = await race(writes, ...LOST)
      expect(winners.length === 1, `${winners.length} winners`)
      expect((await read(context, context.key())).toString() === winners[0], "not the winner's bytes")
    },
  },
  {
    id: 'put-whole',
    rule: 'Who reads an object while it is being replaced gets one of its versions, whole.',
    async run(context) {
      const versions = Array.from({ length: 50 }, (_, at) => String.fromCharCode(65 + (at % 26)).repeat(4096 + at))
      await put(context, versions[0]!)
      let isDone = false
      const write = async (): Promise<void> => {
        for (const version of versions.slice(1)) await put(context, version)
      }
      const readAll = async (): Promise<void> => {
        while (!isDone) {
          const found = (await read(context, context.key())).toString()
          expect(versions.includes(found), `${found.length} bytes that were never written`)
        }
      }
      const writing = write().finally(() => {
        isDone = true
      })
      const failed = (await Promise.allSettled([writing, readAll(), readAll()])).find(
        (one): one is PromiseRejectedResult => one.status === 'rejected',
      )
      if (failed) throw failed.reason
    },
  },
  {
    id: 'put-if-none-match-etag',
    rule: 'PUT If-None-Match takes nothing but *.',
    async run(context) {
      await refused(put(context, '1', { IfNoneMatch: '"0123456789abcdef0123456789abcdef"' }), 501, 400)
    },
  },
  {
    id: 'delete-if-match',
    rule: 'DELETE If-Match with another ETag answers 412 and deletes nothing.',
    async run(context) {
      const { ETag } = await put(context, '1')
      const object = { Bucket: context.bucket, Key: context.key() }
      await refused(context.s3.deleteObject({ ...object, IfMatch: '"0123456789abcdef0123456789abcdef"' }), 412)
      await context.s3.headObject(object)
      await context.s3.deleteObject({ ...object, IfMatch: ETag })
      await refused(context.s3.headObject(object), 404)
    },
  },
  {
    id: 'complete-if-none-match',
    rule: 'Complete If-None-Match: * on a key that exists answers 412; the upload can still be completed without it.',
    async run(context) {
      await put(context, 'old')
      const upload = await createUpload(context, context.key())
      const MultipartUpload = { Parts: await uploadParts(context, upload, ['new']) }
      await refused(context.s3.completeMultipartUpload({ ...upload, MultipartUpload, IfNoneMatch: '*' }), 412)
      expect((await read(context, context.key())).toString() === 'old', 'it was overwritten')
      await context.s3.completeMultipartUpload({ ...upload, MultipartUpload })
    },
  },
  {
    id: 'complete-if-match',
    rule: 'Complete If-Match replaces the version that was read, and answers 412 to a stale ETag.',
    async run(context) {
      const { ETag } = await put(context, 'old')
      await put(context, 'newer')
      const upload = await createUpload(context, context.key())
      const MultipartUpload = { Parts: await uploadParts(context, upload, ['new']) }
      await refused(context.s3.completeMultipartUpload({ ...upload, MultipartUpload, IfMatch: ETag }), 412)
      const { ETag: current } = await context.s3.headObject({ Bucket: context.bucket, Key: context.key() })
      await context.s3.completeMultipartUpload({ ...upload, MultipartUpload, IfMatch: current })
      expect((await read(context, context.key())).toString() === 'new', 'other bytes')
    },
  },
  {
    id: 'complete-if-none-match-race',
    rule: 'Of several uploads of one key completed at once with If-None-Match: * one wins, and its bytes are there.',
    async run(context) {
      const uploads = await Promise.all(
        Array.from({ length: 4 }, async (_, at) => {
          const upload = await createUpload(context, context.key())
          return { upload, at, Parts: await uploadParts(context, upload, [`w${at}`]) }
        }),
      )
      const completions = uploads.map(({ upload, at, Parts }) =>
        context.s3
          .completeMultipartUpload({ ...upload, MultipartUpload: { Parts }, IfNoneMatch: '*' })
          .then(() => `w${at}`),
      )
      const winners = await race(completions, ...LOST)
      expect(winners.length === 1, `${winners.length} winners`)
      expect((await read(context, context.key())).toString() === winners[0], "not the winner's bytes")
    },
  },
  {
    id: 'copy-source-if-match',
    rule: 'A copy whose source is another version answers 412, for objects and for parts.',
    async run(context) {
      const { s3, bucket, key } = context
      await put(context, 'x')
      const copy = { CopySource: encodeURI(`${bucket}/${key()}`), CopySourceIfMatch: '"deadbeef"' }
      await refused(s3.copyObject({ Bucket: bucket, Key: key('copy'), ...copy }), 412)
      const upload = await createUpload(context, key('parts'))
      await refused(s3.uploadPartCopy({ ...upload, PartNumber: 1, ...copy }), 412)
    },
  },
]
