/** What S3 does with single objects. @module */
import { Readable } from 'node:stream'
import { expect, md5, rawRefused, read, refused, someBytes, unquoted } from './context.js'
import type { Behaviour } from './index.js'

const DELETE_BODY = (key: string) => `<Delete><Object><Key>${key}</Key></Object></Delete>`

export const OBJECT_ROWS: readonly Behaviour[] = [
  {
    id: 'bucket',
    rule: 'A bucket that was created can be asked for and is listed.',
    async run({ s3, bucket }) {
      await s3.headBucket({ Bucket: bucket })
      const { Buckets } = await s3.listBuckets({})
      expect(
        Buckets?.some(({ Name }) => Name === bucket),
        'it is not listed',
      )
    },
  },
  {
    id: 'put-describes',
    rule: 'A stored object answers with the headers and the metadata it was put with; its ETag is the MD5 of its bytes.',
    async run({ s3, bucket, key }) {
      const description = {
        ContentType: 'text/x-probe',
        CacheControl: 'no-cache',
        ContentDisposition: 'attachment; filename="x"',
      }
      const put = await s3.putObject({
        Bucket: bucket,
        Key: key(),
        Body: 'hello world',
        Metadata: { foo: 'bar' },
        ...description,
      })
      expect(unquoted(put.ETag) === md5('hello world'), `ETag ${put.ETag}`)
      const head = await s3.headObject({ Bucket: bucket, Key: key() })
      for (const [name, value] of Object.entries(description))
        expect(head[name as 'ContentType'] === value, `${name} is lost`)
      expect(head.Metadata?.foo === 'bar' && head.ContentLength === 11, 'metadata or length are lost')
    },
  },
  {
    id: 'put-stream',
    rule: 'A body sent as a stream, chunked with a trailing checksum, is stored without its framing.',
    async run(context) {
      const bytes = someBytes(300_000)
      const Body = Readable.from([bytes.subarray(0, 100_000), bytes.subarray(100_000)])
      await context.s3.putObject({ Bucket: context.bucket, Key: context.key(), Body, ContentLength: bytes.length })
      const stored = await read(context, context.key())
      expect(stored.equals(bytes), `${stored.length} bytes are stored of ${bytes.length}, or others`)
    },
  },
  {
    id: 'put-empty',
    rule: 'An object may be empty; no range of it can be read.',
    async run({ s3, bucket, key }) {
      await s3.putObject({ Bucket: bucket, Key: key(), Body: '' })
      const head = await s3.headObject({ Bucket: bucket, Key: key() })
      expect(head.ContentLength === 0, `length ${head.ContentLength}`)
      await refused(s3.getObject({ Bucket: bucket, Key: key(), Range: 'bytes=0-' }), 416)
    },
  },
  {
    id: 'get-range',
    rule: 'First-last, open and suffix ranges answer 206 with just those bytes.',
    async run({ s3, bucket, key }) {
      await s3.putObject({ Bucket: bucket, Key: key(), Body: 'hello world' })
      for (const [Range, text, where] of [
        ['bytes=2-5', 'llo ', '2-5'],
        ['bytes=8-', 'rld', '8-10'],
        ['bytes=-3', 'rld', '8-10'],
        ['bytes=6-400', 'world', '6-10'],
      ] as const) {
        const got = await s3.getObject({ Bucket: bucket, Key: key(), Range })
        expect(got.$metadata.httpStatusCode === 206, `${Range}: status ${got.$metadata.httpStatusCode}`)
        expect(got.ContentRange === `bytes ${where}/11`, `${Range}: ${got.ContentRange}`)
        expect((await got.Body!.transformToString()) === text, `${Range}: other bytes`)
      }
    },
  },
  {
    id: 'get-range-beyond',
    rule: 'A range that begins past the end is refused with 416 InvalidRange.',
    async run({ s3, bucket, key }) {
      await s3.putObject({ Bucket: bucket, Key: key(), Body: 'hello' })
      await refused(s3.getObject({ Bucket: bucket, Key: key(), Range: 'bytes=100-200' }), 416)
    },
  },
  {
    id: 'get-overrides',
    rule: 'response-content-type and response-content-disposition replace the stored headers in the answer.',
    async run({ s3, bucket, key }) {
      await s3.putObject({ Bucket: bucket, Key: key(), Body: 'x' })
      const got = await s3.getObject({
        Bucket: bucket,
        Key: key(),
        ResponseContentType: 'a/b',
        ResponseContentDisposition: 'inline',
      })
      expect(
        got.ContentType === 'a/b' && got.ContentDisposition === 'inline',
        `${got.ContentType} ${got.ContentDisposition}`,
      )
    },
  },
  {
    id: 'get-missing',
    rule: 'What is not there is NoSuchKey, NoSuchBucket, or 404 without a body for HEAD.',
    async run({ s3, bucket, key }) {
      await refused(s3.getObject({ Bucket: bucket, Key: key() }), 'NoSuchKey')
      await refused(s3.headObject({ Bucket: bucket, Key: key() }), 404)
      await refused(s3.getObject({ Bucket: `${bucket}-that-is-not-there`, Key: key() }), 'NoSuchBucket')
    },
  },
  {
    id: 'delete',
    rule: 'Deleting removes, and deleting what is not there succeeds.',
    async run({ s3, bucket, key }) {
      await s3.putObject({ Bucket: bucket, Key: key(), Body: 'x' })
      const deleted = await s3.deleteObject({ Bucket: bucket, Key: key() })
      expect(deleted.$metadata.httpStatusCode === 204, `status ${deleted.$metadata.httpStatusCode}`)
      await refused(s3.headObject({ Bucket: bucket, Key: key() }), 404)
      await s3.deleteObject({ Bucket: bucket, Key: key() })
    },
  },
  {
    id: 'delete-many',
    rule: 'DeleteObjects removes each key and names each, missing ones too; quiet, it names none.',
    async run({ s3, bucket, key }) {
      const keys = [key('1'), key('2 ü&<>'), key('missing')]
      for (const Key of keys.slice(0, 2)) await s3.putObject({ Bucket: bucket, Key, Body: 'x' })
      const Objects = keys.map((Key) => ({ Key }))
      const loud = await s3.deleteObjects({ Bucket: bucket, Delete: { Objects } })
      expect(loud.Deleted?.length === 3, `${loud.Deleted?.length} named`)
      const { KeyCount } = await s3.listObjectsV2({ Bucket: bucket, Prefix: key('') })
      expect(!KeyCount, `${KeyCount} left`)
      const quiet = await s3.deleteObjects({ Bucket: bucket, Delete: { Objects, Quiet: true } })
      expect(quiet.Deleted === undefined, 'the quiet answer names keys')
    },
  },
  {
    id: 'delete-many-limit',
    rule: 'DeleteObjects takes 1,000 keys at once and not one more.',
    async run({ s3, bucket, key }) {
      const Objects = Array.from({ length: 1001 }, (_, at) => ({ Key: key(String(at)) }))
      await refused(s3.deleteObjects({ Bucket: bucket, Delete: { Objects } }), 400)
      const deleted = await s3.deleteObjects({ Bucket: bucket, Delete: { Objects: Objects.slice(1) } })
      expect(deleted.Deleted?.length === 1000, `${deleted.Deleted?.length} of 1000 named`)
    },
  },
  {
    id: 'delete-many-digest',
    rule: 'DeleteObjects without Content-MD5 or a checksum is refused, and with either is taken.',
    async run({ raw, key }) {
      const request = { method: 'POST', query: { delete: '' }, body: DELETE_BODY(key()) }
      rawRefused(await raw(request), 400)
      const digest = Buffer.from(md5(request.body), 'hex').toString('base64')
      const { status } = await raw({ ...request, headers: { 'content-md5': digest } })
      expect(status === 200, `with Content-MD5: ${status}`)
    },
  },
  {
    id: 'copy',
    rule: 'CopyObject copies bytes and, unless told to replace them, metadata.',
    async run(context) {
      const { s3, bucket, key } = context
      await s3.putObject({ Bucket: bucket, Key: key('ü 1'), Body: 'hello', Metadata: { a: '1' }, ContentType: 'x/y' })
      const CopySource = encodeURI(`${bucket}/${key('ü 1')}`)
      await s3.copyObject({ Bucket: bucket, Key: key('2'), CopySource })
      const kept = await s3.headObject({ Bucket: bucket, Key: key('2') })
      expect(kept.Metadata?.a === '1' && kept.ContentType === 'x/y', 'metadata was not copied')
      await s3.copyObject({
        Bucket: bucket,
        Key: key('3'),
        CopySource,
        MetadataDirective: 'REPLACE',
        Metadata: { b: '2' },
        ContentType: 'u/v',
      })
      const replaced = await s3.headObject({ Bucket: bucket, Key: key('3') })
      expect(
        replaced.Metadata?.b === '2' && !replaced.Metadata.a && replaced.ContentType === 'u/v',
        'metadata was not replaced',
      )
      expect((await read(context, key('3'))).toString() === 'hello', 'other bytes')
    },
  },
  {
    id: 'keys-unicode',
    rule: 'A key may hold any text, in PUT, in a list and in a multipart upload.',
    async run(context) {
      const { s3, bucket } = context
      const key = context.key('ключ/файл é 日本 😀 +&%25 =.txt')
      await s3.putObject({ Bucket: bucket, Key: key, Body: 'u' })
      const { Contents } = await s3.listObjectsV2({ Bucket: bucket, Prefix: context.key('ключ/') })
      expect(Contents?.[0]?.Key === key, `listed as ${Contents?.[0]?.Key}`)
      const { UploadId } = await s3.createMultipartUpload({ Bucket: bucket, Key: key })
      const upload = { Bucket: bucket, Key: key, UploadId }
      const { ETag } = await s3.uploadPart({ ...upload, PartNumber: 1, Body: 'v' })
      await s3.completeMultipartUpload({ ...upload, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } })
      expect((await read(context, key)).toString() === 'v', 'other bytes')
    },
  },
  {
    id: 'keys-are-no-paths',
    rule: 'Dots and empty segments in a key are text; keys that differ by them differ.',
    async run({ raw, key }) {
      const keys = ['a/../b', 'a//b', './b', 'b/'].map((name) => key(name))
      for (const each of keys) {
        const { status } = await raw({ method: 'PUT', key: each, body: each })
        if (status === 400) return `refused: ${each}`
      }
      return undefined
    },
  },
  {
    id: 'keys-too-long',
    rule: 'A key of 1,024 bytes is taken, a longer one is refused.',
    async run({ s3, bucket, key }) {
      const longest = key('').padEnd(1024, 'k')
      await s3.putObject({ Bucket: bucket, Key: longest, Body: 'x' })
      await refused(s3.putObject({ Bucket: bucket, Key: `${longest}k`, Body: 'x' }), 400)
    },
  },
  {
    id: 'metadata-too-large',
    rule: 'User metadata may have 2 KB.',
    async run({ s3, bucket, key }) {
      await s3.putObject({ Bucket: bucket, Key: key(), Body: 'x', Metadata: { a: 'x'.repeat(2000) } })
      await refused(s3.putObject({ Bucket: bucket, Key: key(), Body: 'x', Metadata: { a: 'x'.repeat(2100) } }), 400)
    },
  },
  {
    id: 'metadata-latin1',
    rule: 'Metadata beyond ASCII comes back as it was put. (No known server does this.)',
    informational: true,
    async run({ s3, bucket, key }) {
      await s3.putObject({ Bucket: bucket, Key: key(), Body: 'x', Metadata: { n: 'résumé' } })
      const { Metadata } = await s3.headObject({ Bucket: bucket, Key: key() })
      expect(Metadata?.n === 'résumé', `got ${JSON.stringify(Metadata?.n)}`)
    },
  },
  {
    id: 'tagging',
    rule: 'Tags come with the object or after it, replace each other, and can be removed.',
    async run({ s3, bucket, key }) {
      const object = { Bucket: bucket, Key: key() }
      await s3.putObject({ ...object, Body: 'x', Tagging: 'a=1&b=2' })
      const { TagSet: first } = await s3.getObjectTagging(object)
      expect(first?.length === 2, `${first?.length} tags after PUT`)
      await s3.putObjectTagging({ ...object, Tagging: { TagSet: [{ Key: 'c', Value: '3' }] } })
      const { TagSet: second } = await s3.getObjectTagging(object)
      expect(second?.length === 1 && second[0]?.Key === 'c', `then ${JSON.stringify(second)}`)
      await s3.deleteObjectTagging(object)
      const { TagSet: third } = await s3.getObjectTagging(object)
      expect(!third?.length, `still ${third?.length}`)
    },
  },
  {
    id: 'lifecycle',
    rule: 'A rule that aborts incomplete uploads is kept as it was put.',
    async run({ s3, bucket, key }) {
      const present = await s3.getBucketLifecycleConfiguration({ Bucket: bucket }).catch(() => undefined)
      if (present?.Rules?.length) return 'not tried: the bucket has rules of its own'
      const AbortIncompleteMultipartUpload = { DaysAfterInitiation: 1 }
      const rule = { ID: 'r', Status: 'Enabled' as const, Filter: { Prefix: key('') }, AbortIncompleteMultipartUpload }
      await s3.putBucketLifecycleConfiguration({ Bucket: bucket, LifecycleConfiguration: { Rules: [rule] } })
      const { Rules } = await s3.getBucketLifecycleConfiguration({ Bucket: bucket })
      await s3.deleteBucketLifecycle({ Bucket: bucket })
      expect(Rules?.[0]?.AbortIncompleteMultipartUpload?.DaysAfterInitiation === 1, JSON.stringify(Rules))
      return undefined
    },
  },
  {
    id: 'lifecycle-whole',
    informational: true,
    rule: 'Rules are put all at once: those that are left out are gone, and DELETE leaves none, which is 404 then.',
    async run({ s3, bucket, key }) {
      const at = { Bucket: bucket }
      const present = await s3.getBucketLifecycleConfiguration(at).catch(() => undefined)
      if (present?.Rules?.length) return 'not tried: the bucket has rules of its own'
      for (const ID of ['one', 'two']) {
        await s3.putBucketLifecycleConfiguration({ ...at, LifecycleConfiguration: { Rules: [aborting(ID, key(''))] } })
      }
      const { Rules = [] } = await s3.getBucketLifecycleConfiguration(at)
      for (let time = 0; time < 2; time++) await s3.deleteBucketLifecycle(at)
      expect(Rules.map(({ ID }) => ID).join() === 'two', JSON.stringify(Rules))
      const after = await s3.getBucketLifecycleConfiguration(at).catch((error: Error) => error.name)
      expect(after === 'NoSuchLifecycleConfiguration', JSON.stringify(after))
      return undefined
    },
  },
  {
    id: 'lifecycle-refused',
    informational: true,
    rule: 'Rules with one ID, rules that do nothing, no days, and both forms of a prefix at once are refused.',
    async run({ s3, bucket, key }) {
      const at = { Bucket: bucket }
      const present = await s3.getBucketLifecycleConfiguration(at).catch(() => undefined)
      if (present?.Rules?.length) return 'not tried: the bucket has rules of its own'
      const good = aborting('one', key(''))
      const { Filter, ...old } = { ...aborting('old', ''), Prefix: key('') }
      const never = { ...good, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 0 } }
      const nothing = { ID: 'nothing', Status: 'Enabled' as const, Filter }
      for (const Rules of [[good, good], [nothing], [never], [good, old]]) {
        const code = await s3
          .putBucketLifecycleConfiguration({ ...at, LifecycleConfiguration: { Rules } })
          .then(() => 'taken')
          .catch((error: Error) => error.name)
        await s3.deleteBucketLifecycle(at)
        expect(/^(Invalid(Argument|Request)|MalformedXML)$/.test(code), `${code}: ${JSON.stringify(Rules)}`)
      }
      await s3.putBucketLifecycleConfiguration({ ...at, LifecycleConfiguration: { Rules: [old] } })
      await s3.deleteBucketLifecycle(at)
      return undefined
    },
  },
]

const aborting = (ID: string, Prefix: string) => ({
  ID,
  Status: 'Enabled' as const,
  Filter: { Prefix },
  AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
})
