/** Lists and their pages. @module */
import type { ListMultipartUploadsCommandOutput } from '@aws-sdk/client-s3'
import { type Context, createUpload, expect } from './context.js'
import type { Behaviour } from './index.js'

async function putKeys({ plain, bucket, key }: Context, names: readonly string[]): Promise<void> {
  await Promise.all(names.map((name) => plain.putObject({ Bucket: bucket, Key: key(name), Body: 'x' })))
}

const same = (found: readonly (string | undefined)[], wanted: readonly string[]) =>
  expect(found.join('\n') === wanted.join('\n'), `${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`)

export const LIST_ROWS: readonly Behaviour[] = [
  {
    id: 'list-delimiter',
    rule: 'Keys that share a prefix up to the delimiter are listed as that prefix, once.',
    async run(context) {
      const { s3, bucket, key } = context
      await putKeys(context, ['0/f', '0/g', '1/f', 'z'])
      const list = await s3.listObjectsV2({ Bucket: bucket, Prefix: key(''), Delimiter: '/' })
      const prefixes = (list.CommonPrefixes ?? []).map(({ Prefix }) => Prefix)
      same(prefixes, [key('0/'), key('1/')])
      same(
        (list.Contents ?? []).map(({ Key }) => Key),
        [key('z')],
      )
    },
  },
  {
    id: 'list-pages',
    rule: 'Pages of objects, with a delimiter or without, give everything once and in order.',
    async run(context) {
      const { s3, bucket, key } = context
      await putKeys(context, ['0/f', '0/g', '1/f', '2/f', 'z'])
      for (const [Delimiter, wanted] of [
        [undefined, ['0/f', '0/g', '1/f', '2/f', 'z']],
        ['/', ['0/', '1/', '2/', 'z']],
      ] as const) {
        const seen: (string | undefined)[] = []
        let ContinuationToken: string | undefined
        do {
          const page = await s3.listObjectsV2({
            Bucket: bucket,
            Prefix: key(''),
            Delimiter,
            MaxKeys: 2,
            ContinuationToken,
          })
          const entries = [
            ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
            ...(page.Contents ?? []).map(({ Key }) => Key),
          ]
          expect(
            entries.length <= 2 && entries.length === page.KeyCount,
            `${entries.length} on a page of 2, KeyCount ${page.KeyCount}`,
          )
          seen.push(...entries)
          ContinuationToken = page.NextContinuationToken
        } while (ContinuationToken !== undefined && seen.length < 20)
        same(
          seen,
          wanted.map((name) => key(name)),
        )
      }
    },
  },
  {
    id: 'list-start-after',
    rule: 'start-after leaves out keys up to and including it.',
    async run(context) {
      const { s3, bucket, key } = context
      await putKeys(context, ['a', 'b', 'c'])
      const { Contents } = await s3.listObjectsV2({ Bucket: bucket, Prefix: key(''), StartAfter: key('a') })
      same(
        (Contents ?? []).map(({ Key }) => Key),
        [key('b'), key('c')],
      )
    },
  },
  {
    id: 'list-order',
    rule: 'Keys are in the order of their UTF-8 bytes.',
    async run(context) {
      const { s3, bucket, key } = context
      const ordered = ['A', 'a', 'a!', 'a/', 'é', '\u{ff5e}', '\u{1f600}']
      await putKeys(context, ordered.toReversed())
      const { Contents } = await s3.listObjectsV2({ Bucket: bucket, Prefix: key('') })
      same(
        (Contents ?? []).map(({ Key }) => Key),
        ordered.map((name) => key(name)),
      )
    },
  },
  {
    id: 'list-v1',
    rule: 'The older list goes on from a marker.',
    async run(context) {
      const { s3, bucket, key } = context
      await putKeys(context, ['a', 'b', 'c/1', 'c/2', 'd'])
      const first = await s3.listObjects({ Bucket: bucket, Prefix: key(''), Delimiter: '/', MaxKeys: 3 })
      expect(first.IsTruncated && first.NextMarker === key('c/'), `NextMarker ${first.NextMarker}`)
      const second = await s3.listObjects({ Bucket: bucket, Prefix: key(''), Delimiter: '/', Marker: first.NextMarker })
      same(
        (second.Contents ?? []).map(({ Key }) => Key),
        [key('d')],
      )
      expect(!second.CommonPrefixes?.length, 'the common prefix came twice')
    },
  },
  {
    id: 'list-encoding',
    rule: 'encoding-type=url percent-encodes keys in the answer.',
    async run(context) {
      await putKeys(context, ['a b&c'])
      const { bucket, key, s3 } = context
      const { Contents, EncodingType } = await s3.listObjectsV2({
        Bucket: bucket,
        Prefix: key(''),
        EncodingType: 'url',
      })
      const found = Contents?.[0]?.Key ?? ''
      expect(
        EncodingType === 'url' &&
          decodeURIComponent(found.replaceAll('+', ' ')) === key('a b&c') &&
          !found.includes('&'),
        `${EncodingType} ${found}`,
      )
    },
  },
  {
    id: 'list-uploads-prefix',
    rule: 'Uploads in progress are listed by prefix, with key, ID and time; those that ended are not.',
    async run(context) {
      const { s3, bucket, key } = context
      const [inside, outside, ended] = await Promise.all(
        ['in/1', 'out/1', 'in/2'].map((name) => createUpload(context, key(name))),
      )
      await s3.abortMultipartUpload(ended!)
      const { Uploads = [] } = await s3.listMultipartUploads({ Bucket: bucket, Prefix: key('in/') })
      same(
        Uploads.map(({ UploadId }) => UploadId),
        [inside!.UploadId],
      )
      expect(Uploads[0]?.Key === key('in/1') && Uploads[0].Initiated instanceof Date, 'key or time are missing')
      await s3.abortMultipartUpload(inside!)
      await s3.abortMultipartUpload(outside!)
    },
  },
  {
    id: 'list-uploads-pages',
    rule: 'Pages of uploads give each upload once, several of one key too.',
    async run(context) {
      const { s3, bucket, key } = context
      const uploads = []
      for (const name of ['0', '1', '1', '2']) uploads.push(await createUpload(context, key(name)))
      const seen: (string | undefined)[] = []
      let markers: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
      while (markers !== undefined && seen.length < 20) {
        const page: ListMultipartUploadsCommandOutput = await s3.listMultipartUploads({
          Bucket: bucket,
          Prefix: key(''),
          MaxUploads: 2,
          ...markers,
        })
        seen.push(...(page.Uploads ?? []).map(({ UploadId }) => UploadId))
        markers = page.IsTruncated
          ? { KeyMarker: page.NextKeyMarker!, UploadIdMarker: page.NextUploadIdMarker! }
          : undefined
      }
      same(
        seen,
        uploads.map(({ UploadId }) => UploadId),
      )
      for (const upload of uploads) await s3.abortMultipartUpload(upload)
    },
  },
  {
    id: 'list-uploads-delimiter',
    rule: 'Uploads, too, are grouped by a delimiter.',
    async run(context) {
      const { s3, bucket, key } = context
      const uploads = await Promise.all(['a/1', 'a/2', 'b'].map((name) => createUpload(context, key(name))))
      const list = await s3.listMultipartUploads({ Bucket: bucket, Prefix: key(''), Delimiter: '/' })
      same(
        (list.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
        [key('a/')],
      )
      same(
        (list.Uploads ?? []).map(({ Key }) => Key),
        [key('b')],
      )
      for (const upload of uploads) await s3.abortMultipartUpload(upload)
    },
  },
]
