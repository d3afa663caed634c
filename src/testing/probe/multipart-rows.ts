/** Multipart uploads, from parts to the object. @module */
import { request as httpRequest } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createUpload,
  exchange,
  expect,
  MiB,
  md5,
  PART,
  rawRefused,
  read,
  refused,
  someBytes,
  unquoted,
  uploadParts,
} from './context.js'
import type { Behaviour } from './index.js'

const NO_ETAG = '"00000000000000000000000000000000"'

const inPieces = (bytes: Buffer) =>
  Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
    })(),
  )

export const PART_ROWS: readonly Behaviour[] = [
  {
    id: 'part-buffer',
    rule: 'A part sent at once is stored; its ETag is its MD5; with checksums or without.',
    async run(context) {
      const bytes = someBytes(1000)
      const upload = await createUpload(context, context.key())
      const checked = await context.s3.uploadPart({ ...upload, PartNumber: 1, Body: bytes })
      const unchecked = await context.plain.uploadPart({ ...upload, PartNumber: 2, Body: bytes })
      for (const { ETag } of [checked, unchecked]) expect(unquoted(ETag) === md5(bytes), `ETag ${ETag}`)
      return checked.ChecksumCRC32 === undefined ? 'no checksum in the answer' : undefined
    },
  },
  {
    id: 'part-stream',
    rule: 'A part sent as a stream, chunked with a trailing checksum or unsigned, is stored without framing.',
    async run(context) {
      const bytes = someBytes(MiB + 1)
      const upload = await createUpload(context, context.key())
      const input = { ...upload, PartNumber: 1, ContentLength: bytes.length }
      for (const client of [context.s3, context.plain]) {
        const { ETag } = await client.uploadPart({ ...input, Body: inPieces(bytes) })
        expect(unquoted(ETag) === md5(bytes), `ETag ${ETag}: other bytes are stored`)
      }
    },
  },
  {
    id: 'part-presigned',
    rule: 'A part can be put to a presigned URL.',
    async run(context) {
      const upload = await createUpload(context, context.key())
      const url = context.url(
        { method: 'PUT', key: upload.Key, query: { partNumber: '1', uploadId: upload.UploadId } },
        600,
      )
      const { status, headers, body } = await exchange(url, {
        method: 'PUT',
        headers: { 'content-length': '5' },
        body: Buffer.from('bytes'),
      })
      expect(status === 200, `${status} ${body.slice(0, 150)}`)
      expect(unquoted(String(headers.etag)) === md5('bytes'), `ETag ${headers.etag}`)
    },
  },
  {
    id: 'part-aborted',
    rule: 'A part whose sender goes away in the middle leaves nothing.',
    async run(context) {
      const upload = await createUpload(context, context.key())
      const url = context.url(
        { method: 'PUT', key: upload.Key, query: { partNumber: '7', uploadId: upload.UploadId } },
        600,
      )
      await new Promise<void>((resolve) => {
        const request = httpRequest(url, { method: 'PUT', headers: { 'content-length': String(PART) }, agent: false })
        request.on('error', () => {}).on('close', resolve)
        request.write(Buffer.alloc(MiB))
        setTimeout(() => request.destroy(), 200)
      })
      await sleep(300)
      const { Parts = [] } = await context.s3.listParts(upload)
      expect(Parts.length === 0, `a part of ${Parts[0]?.Size} bytes is there`)
    },
  },
  {
    id: 'part-list',
    rule: 'ListParts gives number, size, ETag and time of each part.',
    async run(context) {
      const upload = await createUpload(context, context.key())
      const parts = await uploadParts(context, upload, ['one', 'three'])
      const { Parts = [] } = await context.s3.listParts(upload)
      expect(Parts.length === 2 && Parts[0]?.Size === 3 && Parts[1]?.Size === 5, JSON.stringify(Parts))
      expect(Parts[0].ETag === parts[0]?.ETag && Parts[0].LastModified instanceof Date, 'ETag or time differ')
    },
  },
  {
    id: 'part-list-pages',
    rule: 'ListParts goes on from a part number.',
    async run(context) {
      const upload = await createUpload(context, context.key())
      await uploadParts(context, upload, ['a', 'b', 'c'])
      const first = await context.s3.listParts({ ...upload, MaxParts: 2 })
      expect(
        first.Parts?.length === 2 && first.IsTruncated === true,
        `${first.Parts?.length} parts, truncated: ${first.IsTruncated}`,
      )
      expect(String(first.NextPartNumberMarker) === '2', `NextPartNumberMarker ${first.NextPartNumberMarker}`)
      const second = await context.s3.listParts({
        ...upload,
        MaxParts: 2,
        PartNumberMarker: first.NextPartNumberMarker,
      })
      expect(second.Parts?.length === 1 && second.Parts[0]?.PartNumber === 3, JSON.stringify(second.Parts))
    },
  },
  {
    id: 'part-list-limit',
    rule: 'ListParts gives 1,000 parts at once and says that there are more.',
    slow: true,
    async run(context) {
      const upload = await createUpload(context, context.key())
      for (let first = 1; first <= 1005; first += 15) {
        const numbers = Array.from({ length: 15 }, (_, at) => first + at)
        await Promise.all(numbers.map((PartNumber) => context.plain.uploadPart({ ...upload, PartNumber, Body: 'x' })))
      }
      const { Parts = [], IsTruncated } = await context.s3.listParts(upload)
      await context.s3.abortMultipartUpload(upload)
      expect(Parts.length === 1000 && IsTruncated === true, `${Parts.length} parts, truncated: ${IsTruncated}`)
    },
  },
  {
    id: 'part-again',
    rule: 'A part sent again under its number takes the place of the first.',
    async run(context) {
      const upload = await createUpload(context, context.key())
      await uploadParts(context, upload, ['aaaa'])
      const Parts = await uploadParts(context, upload, ['bb'])
      const list = await context.s3.listParts(upload)
      expect(
        list.Parts?.length === 1 && list.Parts[0]?.Size === 2 && list.Parts[0].ETag === Parts[0]?.ETag,
        JSON.stringify(list.Parts),
      )
      await context.s3.completeMultipartUpload({ ...upload, MultipartUpload: { Parts } })
      expect((await read(context, upload.Key)).toString() === 'bb', 'other bytes')
    },
  },
  {
    id: 'part-numbers',
    rule: 'Part numbers are from 1 to 10,000.',
    async run(context) {
      const upload = await createUpload(context, context.key())
      await context.s3.uploadPart({ ...upload, PartNumber: 10_000, Body: 'x' })
      for (const PartNumber of [0, 10_001])
        await refused(context.s3.uploadPart({ ...upload, PartNumber, Body: 'x' }), 400)
    },
  },
  {
    id: 'part-copy',
    rule: 'A part can be the copy of an object.',
    async run(context) {
      const bytes = someBytes(PART)
      await context.plain.putObject({ Bucket: context.bucket, Key: context.key('source ü'), Body: bytes })
      const upload = await createUpload(context, context.key())
      const CopySource = encodeURI(`${context.bucket}/${context.key('source ü')}`)
      const { CopyPartResult } = await context.s3.uploadPartCopy({ ...upload, PartNumber: 1, CopySource })
      const { ETag } = await context.s3.uploadPart({ ...upload, PartNumber: 2, Body: 'tail' })
      const Parts = [
        { PartNumber: 1, ETag: CopyPartResult?.ETag },
        { PartNumber: 2, ETag },
      ]
      await context.s3.completeMultipartUpload({ ...upload, MultipartUpload: { Parts } })
      expect((await read(context, upload.Key)).equals(Buffer.concat([bytes, Buffer.from('tail')])), 'other bytes')
    },
  },
  {
    id: 'part-copy-range',
    rule: 'A part can be the copy of a range, even one across the parts of its source; a range beyond it is refused.',
    async run(context) {
      const bytes = someBytes(PART + 20)
      const source = await createUpload(context, context.key('source'))
      const MultipartUpload = {
        Parts: await uploadParts(context, source, [bytes.subarray(0, PART), bytes.subarray(PART)]),
      }
      await context.s3.completeMultipartUpload({ ...source, MultipartUpload })
      const upload = await createUpload(context, context.key())
      const CopySource = encodeURI(`${context.bucket}/${source.Key}`)
      const copy = { ...upload, PartNumber: 1, CopySource }
      const { CopyPartResult } = await context.s3.uploadPartCopy({ ...copy, CopySourceRange: `bytes=10-${PART + 9}` })
      expect(unquoted(CopyPartResult?.ETag) === md5(bytes.subarray(10, PART + 10)), 'other bytes')
      await refused(context.s3.uploadPartCopy({ ...copy, CopySourceRange: `bytes=10-${PART + 20}` }), 400, 416)
    },
  },
  {
    id: 'part-parallel',
    rule: 'Eight parts at once all arrive.',
    async run(context) {
      const bodies = Array.from({ length: 8 }, () => someBytes(PART))
      const upload = await createUpload(context, context.key())
      const Parts = await Promise.all(
        bodies.map(async (Body, at) => ({
          PartNumber: at + 1,
          ETag: (await context.plain.uploadPart({ ...upload, PartNumber: at + 1, Body })).ETag,
        })),
      )
      await context.s3.completeMultipartUpload({ ...upload, MultipartUpload: { Parts } })
      expect(md5(await read(context, upload.Key)) === md5(Buffer.concat(bodies)), 'other bytes')
    },
  },
]

export const COMPLETE_ROWS: readonly Behaviour[] = [
  {
    id: 'complete',
    rule: 'Complete makes one object of the parts, with what was said at Create and an ETag that ends in their number.',
    async run(context) {
      const bodies = [someBytes(PART), someBytes(PART), someBytes(1000)]
      const upload = await createUpload(context, context.key(), {
        ContentType: 'video/x-probe',
        Metadata: { up: 'load' },
      })
      const MultipartUpload = { Parts: await uploadParts(context, upload, bodies) }
      const completed = await context.s3.completeMultipartUpload({ ...upload, MultipartUpload })
      const object = await context.s3.headObject({ Bucket: context.bucket, Key: upload.Key })
      expect(object.ContentType === 'video/x-probe' && object.Metadata?.up === 'load', 'type or metadata are lost')
      expect(/-3"?$/.test(object.ETag ?? ''), `ETag ${object.ETag}`)
      expect((await read(context, upload.Key)).equals(Buffer.concat(bodies)), 'other bytes')
      expect(completed.ETag === object.ETag, `the answer says ETag ${completed.ETag}, the object ${object.ETag}`)
    },
  },
  {
    id: 'complete-range',
    rule: 'A range may run across parts, and a part can be read by its number.',
    async run(context) {
      const bodies = [someBytes(PART), Buffer.from('the end')]
      const upload = await createUpload(context, context.key())
      const MultipartUpload = { Parts: await uploadParts(context, upload, bodies) }
      await context.s3.completeMultipartUpload({ ...upload, MultipartUpload })
      const object = { Bucket: context.bucket, Key: upload.Key }
      const across = await context.s3.getObject({ ...object, Range: `bytes=${PART - 2}-${PART + 2}` })
      const wanted = Buffer.concat(bodies).subarray(PART - 2, PART + 3)
      expect(wanted.equals(await across.Body!.transformToByteArray()), 'other bytes across parts')
      const second = await context.s3.getObject({ ...object, PartNumber: 2 })
      expect((await second.Body!.transformToString()) === 'the end' && second.PartsCount === 2, 'another part 2')
    },
  },
  {
    id: 'complete-before',
    rule: 'Until it is completed, an upload is no object.',
    async run(context) {
      const upload = await createUpload(context, context.key())
      await uploadParts(context, upload, ['x'])
      await refused(context.s3.headObject({ Bucket: context.bucket, Key: upload.Key }), 404)
    },
  },
  {
    id: 'complete-again',
    rule: 'Complete sent again, as after a lost answer, gives the first answer or NoSuchUpload; the object stays.',
    async run(context) {
      const upload = await createUpload(context, context.key())
      const MultipartUpload = { Parts: await uploadParts(context, upload, ['x']) }
      const first = await context.s3.completeMultipartUpload({ ...upload, MultipartUpload })
      const again = await context.s3
        .completeMultipartUpload({ ...upload, MultipartUpload })
        .catch((error) => String(error.name))
      expect(typeof again !== 'string' || again === 'NoSuchUpload', `${again}`)
      expect(typeof again === 'string' || unquoted(again.ETag) === unquoted(first.ETag), 'another ETag')
      expect((await read(context, upload.Key)).toString() === 'x', 'the object changed')
      return typeof again === 'string' ? again : '200 again, as on AWS'
    },
  },
  {
    id: 'complete-wrong-etag',
    rule: 'A part with another ETag, or none of its number, is InvalidPart.',
    async run(context) {
      const upload = await createUpload(context, context.key())
      const [part] = await uploadParts(context, upload, ['x'])
      for (const Parts of [[{ PartNumber: 1, ETag: NO_ETAG }], [{ PartNumber: 2, ETag: part!.ETag }]]) {
        await refused(context.s3.completeMultipartUpload({ ...upload, MultipartUpload: { Parts } }), 'InvalidPart')
      }
    },
  },
  {
    id: 'complete-order',
    rule: 'Parts out of order, or twice, are InvalidPartOrder.',
    async run(context) {
      const upload = await createUpload(context, context.key())
      const [one, two] = await uploadParts(context, upload, [Buffer.alloc(PART), 'x'])
      for (const Parts of [
        [two!, one!],
        [one!, one!],
      ]) {
        await refused(context.s3.completeMultipartUpload({ ...upload, MultipartUpload: { Parts } }), 'InvalidPartOrder')
      }
    },
  },
  {
    id: 'complete-too-small',
    rule: 'A part under 5 MiB that is not the last is EntityTooSmall, and the upload survives it.',
    async run(context) {
      const upload = await createUpload(context, context.key())
      const Parts = await uploadParts(context, upload, ['too', 'small'])
      await refused(context.s3.completeMultipartUpload({ ...upload, MultipartUpload: { Parts } }), 'EntityTooSmall')
      const list = await context.s3.listParts(upload)
      expect(list.Parts?.length === 2, 'the upload is gone')
    },
  },
  {
    id: 'complete-nothing',
    rule: 'Complete without a part, or with something that is no list of parts, is refused.',
    async run(context) {
      const upload = await createUpload(context, context.key())
      const { code } = await refused(
        context.s3.completeMultipartUpload({ ...upload, MultipartUpload: { Parts: [] } }),
        400,
      )
      const request = { method: 'POST', key: upload.Key, query: { uploadId: upload.UploadId } }
      for (const body of ['', 'parts, please', '<CompleteMultipartUpload><Part>'])
        rawRefused(await context.raw({ ...request, body }), 400)
      return code
    },
  },
  {
    id: 'complete-some',
    rule: 'Parts that Complete does not name do not become part of the object.',
    async run(context) {
      const upload = await createUpload(context, context.key())
      const [first] = await uploadParts(context, upload, ['one', 'two'])
      await context.s3.completeMultipartUpload({ ...upload, MultipartUpload: { Parts: [first!] } })
      expect((await read(context, upload.Key)).toString() === 'one', 'other bytes')
    },
  },
  {
    id: 'complete-size',
    rule: 'x-amz-mp-object-size that is not the size of the object is refused.',
    async run(context) {
      const upload = await createUpload(context, context.key())
      const MultipartUpload = { Parts: await uploadParts(context, upload, ['12345']) }
      await refused(context.s3.completeMultipartUpload({ ...upload, MultipartUpload, MpuObjectSize: 4 }), 400)
      await context.s3.completeMultipartUpload({ ...upload, MultipartUpload, MpuObjectSize: 5 })
    },
  },
  {
    id: 'complete-tagging',
    rule: 'Tags said at Create are those of the object.',
    async run(context) {
      const upload = await createUpload(context, context.key(), { Tagging: 'a=1' })
      const MultipartUpload = { Parts: await uploadParts(context, upload, ['x']) }
      await context.s3.completeMultipartUpload({ ...upload, MultipartUpload })
      const { TagSet } = await context.s3.getObjectTagging({ Bucket: context.bucket, Key: upload.Key })
      expect(TagSet?.length === 1 && TagSet[0]?.Value === '1', JSON.stringify(TagSet))
    },
  },
  {
    id: 'abort',
    rule: 'After Abort the upload is NoSuchUpload for every operation.',
    async run(context) {
      const upload = await createUpload(context, context.key())
      const Parts = await uploadParts(context, upload, ['x'])
      await context.s3.abortMultipartUpload(upload)
      await refused(context.s3.listParts(upload), 'NoSuchUpload')
      await refused(context.s3.uploadPart({ ...upload, PartNumber: 2, Body: 'x' }), 'NoSuchUpload')
      await refused(context.s3.completeMultipartUpload({ ...upload, MultipartUpload: { Parts } }), 'NoSuchUpload')
      const again = await context.s3.abortMultipartUpload(upload).catch((error) => String(error.name))
      return typeof again === 'string' ? `again: ${again}` : 'again: 204'
    },
  },
  {
    id: 'abort-object',
    rule: 'Abort leaves an object of the same key as it is.',
    async run(context) {
      await context.plain.putObject({ Bucket: context.bucket, Key: context.key(), Body: 'there' })
      const upload = await createUpload(context, context.key())
      await uploadParts(context, upload, ['x'])
      await context.s3.abortMultipartUpload(upload)
      expect((await read(context, context.key())).toString() === 'there', 'it is another')
    },
  },
]
