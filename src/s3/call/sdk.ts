/**
 * The control plane: Holdfast's few S3 operations by an AWS SDK v3 client, or by anything that has the same few
 * methods with the same inputs and outputs.
 * @module
 */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  type S3,
  S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { base64OfCrc32, crc32OfBase64 } from '../../store/crc32.js'
import type { Call, OperationName, Operations, Payload, Stored } from './call.js'
import { NO_CONSTANTS } from './constants.js'
import { descriptionOf, inputOf as inputOfDescription } from './description.js'
import { S3Fault } from './faults.js'
import { withContentMd5 } from './md5.js'
import { secondsOf } from './put.js'
import { encodeKey } from './sign.js'

const COMMANDS = {
  deleteObject: DeleteObjectCommand,
  copyObject: CopyObjectCommand,
  getObjectTagging: GetObjectTaggingCommand,
  putObject: PutObjectCommand,
  getObject: GetObjectCommand,
  headObject: HeadObjectCommand,
  deleteObjects: DeleteObjectsCommand,
  createMultipartUpload: CreateMultipartUploadCommand,
  uploadPart: UploadPartCommand,
  uploadPartCopy: UploadPartCopyCommand,
  completeMultipartUpload: CompleteMultipartUploadCommand,
  abortMultipartUpload: AbortMultipartUploadCommand,
  listMultipartUploads: ListMultipartUploadsCommand,
  listObjectsV2: ListObjectsV2Command,
  listParts: ListPartsCommand,
}

/** The operations of S3 that Holdfast uses, named and typed as the aggregated `S3` client of the AWS SDK v3 has them. */
export type S3Api = Pick<S3, OperationName>

/** What `service` may be: an `S3Client` (or `S3`), whose credentials the data plane then uses too, or a stand-in. */
export type Service = S3Client | S3Api

export const isSdkClient = (service: Service): service is S3Client => service instanceof S3Client

/** What may take S3 minutes. */
const TAKES_LONG: ReadonlySet<OperationName> = new Set(['completeMultipartUpload', 'uploadPartCopy', 'copyObject'])

type Raw = (
  name: keyof typeof COMMANDS,
  input: Record<string, unknown>,
  signal: AbortSignal,
) => Promise<Record<string, unknown>>

function rawOf(service: Service): Raw {
  if (!isSdkClient(service)) {
    // biome-ignore lint/suspicious/noExplicitAny: the methods' inputs differ, the table below gives each its own
    return (name, input, abortSignal) => (service[name] as any)(input, { abortSignal })
  }
  return (name, input, abortSignal) => {
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const command = new (COMMANDS[name] as any)(input)
    if (command instanceof DeleteObjectsCommand) withContentMd5(command)
    return service.send(command, { abortSignal }) as Promise<unknown> as ReturnType<Raw>
  }
}

/** Milliseconds for one try of a request. */
export interface Timeouts {
  requestTimeout: number
  completeTimeout: number
}

/** A Call through the service. @param constants what goes along with each request */
export function sdkCall(service: Service, bucket: string, timeouts: Timeouts, constants = NO_CONSTANTS): Call {
  const raw = rawOf(service)
  return async (name, input, signal) => {
    // Not AbortSignal.timeout(): it would also cut the body of a GetObject that is read for longer.
    const abort = new AbortController()
    const giveUp = (): void => abort.abort()
    const timeout = TAKES_LONG.has(name) ? timeouts.completeTimeout : timeouts.requestTimeout
    const timer = setTimeout(giveUp, timeout)
    signal?.addEventListener('abort', giveUp, { once: true })
    try {
      const body = 'body' in input ? await joined(input.body as Payload) : undefined
      const send = name === 'deleteObjects' ? deletingOneByOne(raw) : raw
      const given = { Bucket: bucket, ...inputOf(name, input, bucket), ...constants.inputOf(name), ...body }
      const output = await send(name, given, abort.signal)
      return outputOf(name, input, output, timeout) as never
    } catch (error) {
      throw asFault(name, error)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
    }
  }
}

/** DeleteObjects, or where there is none (Google's interoperable API), one DeleteObject for each key. */
function deletingOneByOne(raw: Raw): Raw {
  return async (name, input, signal) => {
    try {
      return await raw(name, input, signal)
    } catch (error) {
      const { status, code } = asFault('deleteObjects', error)
      if (status !== 501 && status !== 405 && code !== 'NotImplemented') throw error
      const { Bucket, Delete } = input as { Bucket: string; Delete: { Objects: { Key: string }[] } }
      await Promise.all(Delete.Objects.map(({ Key }) => raw('deleteObject', { Bucket, Key }, signal)))
      return {}
    }
  }
}

/** The time limit of a request ends with the head of its answer; from there on each piece of the body has one. */
async function* timed(body: AsyncIterable<Uint8Array>, timeout: number): AsyncIterable<Uint8Array> {
  const source = body as AsyncIterable<Uint8Array> & { destroy?: (error: Error) => void }
  const iterator = body[Symbol.asyncIterator]()
  try {
    for (;;) {
      const late = new S3Fault('getObject', 0, 'ETIMEDOUT', 'no byte of the body in time')
      let timer: NodeJS.Timeout | undefined
      const limit = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          source.destroy?.(late)
          reject(late)
        }, timeout)
      })
      const { done, value } = await Promise.race([iterator.next(), limit]).finally(() => clearTimeout(timer))
      if (done) return
      yield value
    }
  } finally {
    // Whoever leaves early ends the connection, and does not wait for it.
    source.destroy?.(new Error('no longer wanted'))
  }
}

async function joined(payload: Payload): Promise<{ Body: Buffer; ContentLength: number }> {
  const chunks: Uint8Array[] = []
  for await (const chunk of payload.chunks()) chunks.push(chunk)
  return { Body: Buffer.concat(chunks), ContentLength: payload.length }
}

/** Our names to the SDK's. */
function inputOf(name: OperationName, input: Operations[OperationName][0], bucket: string): Record<string, unknown> {
  const all = input as Partial<
    Operations['putObject'][0] &
      Operations['getObject'][0] &
      Operations['uploadPart'][0] &
      Operations['uploadPartCopy'][0] &
      Operations['copyObject'][0] &
      Operations['deleteObjects'][0] &
      Operations['createMultipartUpload'][0] &
      Operations['completeMultipartUpload'][0] &
      Operations['headObject'][0] &
      Operations['listObjectsV2'][0] &
      Operations['listParts'][0]
  >
  if (name === 'deleteObjects') return { Delete: { Objects: all.keys!.map((Key) => ({ Key })), Quiet: true } }
  // The keys come in order, so that those of the key itself come first.
  if (name === 'listMultipartUploads') return { Prefix: all.key }
  // Keys of others may have characters that no XML can carry.
  if (name === 'listObjectsV2') return { Prefix: all.prefix, ContinuationToken: all.page, EncodingType: 'url' }
  const copies = name === 'uploadPartCopy' || name === 'copyObject'
  const { whole } = all
  return {
    Key: all.key,
    ...inputOfDescription(all.description ?? all),
    CopySource: copies ? `${all.sourceBucket ?? bucket}/${encodeKey(all.source!)}` : undefined,
    CopySourceIfMatch: all.sourceEtag,
    CopySourceRange: copies ? all.range : undefined,
    Range: copies ? undefined : all.range,
    IfMatch: all.ifMatch,
    IfNoneMatch: all.ifAbsent ? '*' : undefined,
    UploadId: all.uploadId,
    PartNumber: all.partNumber,
    PartNumberMarker: all.after ? String(all.after) : undefined,
    MultipartUpload: all.parts && {
      // MinIO and VersityGW want the checksum of each part beside that of the whole; S3 takes it.
      Parts: all.parts.map(({ partNumber, etag, crc32 }) => ({
        PartNumber: partNumber,
        ETag: etag,
        ChecksumCRC32: whole && crc32 !== undefined ? base64OfCrc32(crc32) : undefined,
      })),
    },
    ChecksumAlgorithm: all.fullObject ? 'CRC32' : undefined,
    ChecksumType: all.fullObject || whole ? 'FULL_OBJECT' : undefined,
    ChecksumCRC32: whole && base64OfCrc32(whole.crc32),
    MpuObjectSize: whole?.size,
    ChecksumMode: all.checksum && !copies ? 'ENABLED' : undefined,
    ...(name === 'copyObject' ? directives(all as Operations['copyObject'][0]) : {}),
  }
}

const directives = ({ tagging, checksum }: Operations['copyObject'][0]): Record<string, unknown> => ({
  MetadataDirective: 'REPLACE',
  TaggingDirective: tagging,
  ChecksumAlgorithm: checksum ? 'CRC32' : undefined,
})

/** The SDK's names to ours. */
// biome-ignore lint/suspicious/noExplicitAny: the SDK's outputs, read field by field
function outputOf(name: OperationName, input: object, output: any, timeout: number): unknown {
  switch (name) {
    case 'deleteObjects': {
      const failed = output.Errors?.[0]
      if (failed) throw new S3Fault(name, 500, failed.Code ?? '', failed.Message ?? 'a key was not deleted')
      return undefined
    }
    case 'createMultipartUpload':
      return {
        uploadId: output.UploadId,
        expiresAt: output.AbortDate?.getTime(),
        // Who does not know the header does not repeat it.
        fullObject: output.ChecksumType === 'FULL_OBJECT',
      }
    case 'listMultipartUploads': {
      const { key } = input as Operations['listMultipartUploads'][0]
      // biome-ignore lint/suspicious/noExplicitAny: see above
      const mine = (output.Uploads ?? []).filter((one: any) => one.Key === key)
      // biome-ignore lint/suspicious/noExplicitAny: see above
      return { uploadIds: mine.map((one: any) => one.UploadId) }
    }
    case 'listObjectsV2':
      return {
        // biome-ignore lint/suspicious/noExplicitAny: see above
        objects: (output.Contents ?? []).map((object: any) => ({
          key: decodedKey(object.Key, output.EncodingType),
          etag: object.ETag ?? '',
          size: object.Size ?? 0,
          modified: object.LastModified?.getTime() ?? 0,
        })),
        next: output.IsTruncated ? output.NextContinuationToken : undefined,
      }
    case 'listParts':
      return {
        // biome-ignore lint/suspicious/noExplicitAny: see above
        parts: (output.Parts ?? []).map((part: any) => ({
          partNumber: part.PartNumber,
          etag: part.ETag,
          size: part.Size,
          crc32: crc32OfBase64(part.ChecksumCRC32),
        })),
        next: output.IsTruncated ? Number(output.NextPartNumberMarker) : undefined,
      }
    case 'getObject':
      return {
        etag: output.ETag ?? '',
        length: output.ContentLength ?? 0,
        metadata: output.Metadata ?? {},
        modified: output.LastModified?.getTime(),
        body: timed(output.Body, timeout),
      }
    case 'headObject':
      return {
        ...storedOf(output),
        ...descriptionOf(output),
        length: output.ContentLength ?? 0,
        metadata: output.Metadata ?? {},
        modified: output.LastModified?.getTime(),
        checksums: checksumsOf(output),
      }
    case 'getObjectTagging':
      // biome-ignore lint/suspicious/noExplicitAny: see above
      return { tags: Object.fromEntries((output.TagSet ?? []).map((tag: any) => [tag.Key, tag.Value])) }
    case 'copyObject':
      return storedOf(output.CopyObjectResult ?? {})
    case 'deleteObject':
    case 'abortMultipartUpload':
      return undefined
    case 'uploadPartCopy':
      return { etag: output.CopyPartResult?.ETag ?? '' }
    default:
      return storedOf(output)
  }
}

/** A checksum of the parts' checksums, as opposed to one of the bytes, says nothing here. */
// biome-ignore lint/suspicious/noExplicitAny: see above
function storedOf(output: any): Stored {
  const crc32 = output.ChecksumType === 'COMPOSITE' ? undefined : crc32OfBase64(output.ChecksumCRC32)
  return { etag: output.ETag ?? '', ...(crc32 === undefined ? {} : { crc32 }) }
}

// biome-ignore lint/suspicious/noExplicitAny: see above
function checksumsOf(output: any): Record<string, string> | undefined {
  const told = Object.entries(output).flatMap(([name, value]) =>
    name.startsWith('Checksum') && typeof value === 'string' ? [[name.slice('Checksum'.length), value] as const] : [],
  )
  return told.length === 0 ? undefined : Object.fromEntries(told)
}

/** As it was asked for, unless the server does not know that. */
function decodedKey(key: string, encoding: string | undefined): string {
  if (encoding !== 'url') return key
  try {
    return decodeURIComponent(key.replaceAll('+', ' '))
  } catch {
    return key
  }
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the SDK throws
function asFault(name: OperationName, error: any): S3Fault {
  if (error instanceof S3Fault) return error
  const status = error?.$metadata?.httpStatusCode ?? 0
  // The SDK's own errors (no credentials, no region) have no status: nothing was sent, and trying again cannot help.
  const local = status === 0 && /Credentials|Region|ERR_INVALID/.test(`${error?.name} ${error?.code}`)
  const code = error?.Code ?? error?.name ?? error?.code ?? ''
  const fault = new S3Fault(name, local ? 400 : status, code, String(error?.message), error)
  fault.retryAfter = secondsOf(error?.$response?.headers?.['retry-after'])
  return fault
}
