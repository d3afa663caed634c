/** How S3 keeps objects as they are asked for: headers, storage class, encryption, whose bucket it is. @module */
import { createHash } from 'node:crypto'
import { createUpload, expect, PART, refused, someBytes } from './context.js'
import type { Behaviour } from './index.js'

const HEADERS = {
  ContentType: 'text/x-probe',
  ContentDisposition: `attachment; filename="x"; filename*=UTF-8''%C3%A4`,
  ContentLanguage: 'de',
  ContentEncoding: 'identity',
  CacheControl: 'private, max-age=60',
}

/** The key of a customer, as each request has to bring it. */
function customerKey() {
  const key = someBytes(32)
  return {
    SSECustomerAlgorithm: 'AES256',
    SSECustomerKey: key.toString('base64'),
    SSECustomerKeyMD5: createHash('md5').update(key).digest('base64'),
  }
}

export const SETTING_ROWS: readonly Behaviour[] = [
  {
    id: 'multipart-describes',
    rule: 'An object that is made of parts answers with the headers and the metadata that its upload was created with.',
    async run(context) {
      const { plain, bucket, key } = context
      const upload = await createUpload(context, key(), { ...HEADERS, Metadata: { foo: 'bar' } })
      const { ETag } = await plain.uploadPart({ ...upload, PartNumber: 1, Body: 'x' })
      await plain.completeMultipartUpload({ ...upload, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } })
      const head = await plain.headObject({ Bucket: bucket, Key: key() })
      for (const [name, value] of Object.entries(HEADERS)) {
        expect(head[name as 'ContentType'] === value, `${name} is ${head[name as 'ContentType']}`)
      }
      expect(head.Metadata?.foo === 'bar', 'metadata is lost')
    },
  },
  {
    id: 'copy-replaces',
    rule: 'CopyObject with REPLACE stores the headers and the tags that come with it, and with COPY keeps the tags.',
    async run({ s3, bucket, key }) {
      await s3.putObject({ Bucket: bucket, Key: key('1'), Body: 'x', Tagging: 'a=1', Metadata: { old: '1' } })
      const copy = {
        Bucket: bucket,
        CopySource: `${bucket}/${encodeURI(key('1'))}`,
        MetadataDirective: 'REPLACE',
      } as const
      await s3.copyObject({ ...copy, ...HEADERS, Key: key('2'), TaggingDirective: 'COPY' })
      await s3.copyObject({ ...copy, ...HEADERS, Key: key('3'), TaggingDirective: 'REPLACE', Tagging: 'b=2' })
      for (const [name, tag] of [
        ['2', 'a'],
        ['3', 'b'],
      ]) {
        const head = await s3.headObject({ Bucket: bucket, Key: key(name) })
        expect(head.CacheControl === HEADERS.CacheControl && !head.Metadata?.old, 'the headers are not those that came')
        const { TagSet } = await s3.getObjectTagging({ Bucket: bucket, Key: key(name) })
        expect(TagSet?.length === 1 && TagSet[0]?.Key === tag, `tags are ${JSON.stringify(TagSet)}`)
      }
    },
  },
  {
    id: 'tagging-encoded',
    rule: 'Tags that come with an object are decoded as a query is.',
    async run({ s3, bucket, key }) {
      await s3.putObject({ Bucket: bucket, Key: key(), Body: 'x', Tagging: 'a%20b=%2F%3D&c=%2B' })
      const { TagSet = [] } = await s3.getObjectTagging({ Bucket: bucket, Key: key() })
      const found = TagSet.map(({ Key, Value }) => `${Key}=${Value}`).sort()
      expect(found.join() === 'a b=/=,c=+', found.join())
    },
  },
  {
    id: 'storage-class',
    rule: 'The storage class of an object is told by HEAD and by lists, unless it is STANDARD.',
    async run({ s3, bucket, key }) {
      await s3.putObject({ Bucket: bucket, Key: key('1'), Body: 'x', StorageClass: 'STANDARD_IA' })
      await s3.putObject({ Bucket: bucket, Key: key('2'), Body: 'x', StorageClass: 'STANDARD' })
      const told = await s3.headObject({ Bucket: bucket, Key: key('1') })
      expect(told.StorageClass === 'STANDARD_IA', `HEAD tells ${told.StorageClass}`)
      const plain = await s3.headObject({ Bucket: bucket, Key: key('2') })
      expect(plain.StorageClass === undefined, `HEAD tells ${plain.StorageClass} of STANDARD`)
      const { Contents } = await s3.listObjectsV2({ Bucket: bucket, Prefix: key('1') })
      expect(Contents?.[0]?.StorageClass === 'STANDARD_IA', `the list tells ${Contents?.[0]?.StorageClass}`)
    },
  },
  {
    id: 'storage-class-unknown',
    rule: 'A storage class that there is not is refused with 400.',
    async run({ s3, bucket, key }) {
      const put = s3.putObject({ Bucket: bucket, Key: key(), Body: 'x', StorageClass: 'FROZEN' as 'STANDARD' })
      await refused(put, 400)
    },
  },
  {
    id: 'acl-canned',
    rule: 'A canned ACL that came with an object is told by its grants. (Buckets of AWS that are new have no ACLs.)',
    informational: true,
    async run({ s3, bucket, key }) {
      await s3.putObject({ Bucket: bucket, Key: key(), Body: 'x', ACL: 'public-read' })
      const { Grants = [] } = await s3.getObjectAcl({ Bucket: bucket, Key: key() })
      const isPublic = Grants.some(
        ({ Grantee, Permission }) => Permission === 'READ' && /AllUsers$/.test(Grantee?.URI ?? ''),
      )
      expect(isPublic, JSON.stringify(Grants))
    },
  },
  {
    id: 'sse-s3',
    rule: 'Encryption with keys of S3 is told with the answer and by HEAD.',
    async run({ s3, bucket, key }) {
      const put = await s3.putObject({ Bucket: bucket, Key: key(), Body: 'x', ServerSideEncryption: 'AES256' })
      expect(put.ServerSideEncryption === 'AES256', `PUT tells ${put.ServerSideEncryption}`)
      const head = await s3.headObject({ Bucket: bucket, Key: key() })
      expect(head.ServerSideEncryption === 'AES256', `HEAD tells ${head.ServerSideEncryption}`)
    },
  },
  {
    id: 'sse-customer',
    rule: "What was put with a customer's key is given to who brings it, and to nobody else. (AWS wants TLS for it.)",
    async run({ s3, bucket, key }) {
      const object = { Bucket: bucket, Key: key() }
      const right = customerKey()
      await s3.putObject({ ...object, ...right, Body: 'secret' })
      await refused(s3.getObject(object), 400)
      await refused(s3.headObject(object), 400)
      await refused(s3.getObject({ ...object, ...customerKey() }), 403)
      const { Body } = await s3.getObject({ ...object, ...right })
      expect((await Body!.transformToString()) === 'secret', 'other bytes')
    },
  },
  {
    id: 'sse-customer-parts',
    rule: "Parts and copies of parts of an object with a customer's key need it, too.",
    async run(context) {
      const { plain, bucket, key } = context
      const right = customerKey()
      const source = { Bucket: bucket, Key: key('source') }
      const bytes = someBytes(PART)
      await plain.putObject({ ...source, ...right, Body: bytes })
      const upload = await createUpload(context, key(), right)
      await refused(plain.uploadPart({ ...upload, PartNumber: 1, Body: 'x' }), 400)
      const copy = { ...upload, ...right, PartNumber: 1, CopySource: `${bucket}/${encodeURI(source.Key)}` }
      await refused(plain.uploadPartCopy(copy), 400)
      const { CopyPartResult } = await plain.uploadPartCopy({
        ...copy,
        CopySourceSSECustomerAlgorithm: right.SSECustomerAlgorithm,
        CopySourceSSECustomerKey: right.SSECustomerKey,
        CopySourceSSECustomerKeyMD5: right.SSECustomerKeyMD5,
      })
      const { ETag } = await plain.uploadPart({ ...upload, ...right, PartNumber: 2, Body: 'end' })
      const Parts = [CopyPartResult?.ETag, ETag].map((etag, at) => ({ PartNumber: at + 1, ETag: etag }))
      await plain.completeMultipartUpload({ ...upload, ...right, MultipartUpload: { Parts } })
      const { Body } = await plain.getObject({ Bucket: bucket, Key: key(), ...right })
      const stored = Buffer.from(await Body!.transformToByteArray())
      expect(stored.equals(Buffer.concat([bytes, Buffer.from('end')])), 'other bytes')
    },
  },
  {
    id: 'bucket-owner',
    rule: 'A request that expects the bucket to be of another account is refused with 403.',
    async run({ s3, bucket, key }) {
      const put = s3.putObject({ Bucket: bucket, Key: key(), Body: 'x', ExpectedBucketOwner: '000000000001' })
      await refused(put, 403)
    },
  },
]
