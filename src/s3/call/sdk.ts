/**
 * The control plane: Holdfast's few S3 operations by an AWS SDK v3 client, or by anything that has the same few
 * methods with the same inputs and outputs.
 * @module
 */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { Call, OperationName, Operations, Payload } from './call.js'
import { S3Fault } from './faults.js'

const COMMANDS = {
  putObject: PutObjectCommand,
  getObject: GetObjectCommand,
  headObject: HeadObjectCommand,
  deleteObjects: DeleteObjectsCommand,
  createMultipartUpload: CreateMultipartUploadCommand,
  uploadPart: UploadPartCommand,
  completeMultipartUpload: CompleteMultipartUploadCommand,
  abortMultipartUpload: AbortMultipartUploadCommand,
  listParts: ListPartsCommand,
}

/** The operations of S3 that Holdfast uses, named and typed as the aggregated `S3` client of the AWS SDK v3 has them. */
export type S3Api = Pick<S3, OperationName>

/** What `service` may be: an `S3Client` (or `S3`), whose credentials the data plane then uses too, or a stand-in. */
export type Service = S3Client | S3Api

export const isSdkClient = (service: Service): service is S3Client => service instanceof S3Client

/** Milliseconds after which an unanswered request is given up. Completing may take S3 minutes. */
const COMPLETE_TIMEOUT = 5 * 60_000

type Raw = (
  name: OperationName,
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
    const Command = COMMANDS[name] as any
    return service.send(new Command(input), { abortSignal }) as Promise<unknown> as ReturnType<Raw>
  }
}

/** A Call through the service. @param timeout milliseconds for one try, but for CompleteMultipartUpload */
export function sdkCall(service: Service, bucket: string, timeout: number): Call {
  const raw = rawOf(service)
  return async (name, input, signal) => {
    // Not AbortSignal.timeout(): it would also cut the body of a GetObject that is read for longer.
    const abort = new AbortController()
    const giveUp = (): void => abort.abort()
    const timer = setTimeout(giveUp, name === 'completeMultipartUpload' ? COMPLETE_TIMEOUT : timeout)
    signal?.addEventListener('abort', giveUp, { once: true })
    try {
      const body = 'body' in input ? await joined(input.body as Payload) : undefined
      const output = await raw(name, { Bucket: bucket, ...inputOf(name, input), ...body }, abort.signal)
      return outputOf(name, output) as never
    } catch (error) {
      throw asFault(name, error)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
    }
  }
}

async function joined(payload: Payload): Promise<{ Body: Buffer; ContentLength: number }> {
  const chunks: Uint8Array[] = []
  for await (const chunk of payload.chunks()) chunks.push(chunk)
  return { Body: Buffer.concat(chunks), ContentLength: payload.length }
}

/** Our names to the SDK's. */
function inputOf(name: OperationName, input: Operations[OperationName][0]): Record<string, unknown> {
  const all = input as Partial<
    Operations['putObject'][0] &
      Operations['getObject'][0] &
      Operations['uploadPart'][0] &
      Operations['deleteObjects'][0] &
      Operations['completeMultipartUpload'][0] &
      Operations['listParts'][0]
  >
  if (name === 'deleteObjects') return { Delete: { Objects: all.keys!.map((Key) => ({ Key })), Quiet: true } }
  return {
    Key: all.key,
    Range: all.range,
    IfMatch: all.ifMatch,
    IfNoneMatch: all.ifAbsent ? '*' : undefined,
    ContentType: all.contentType,
    Metadata: all.metadata,
    UploadId: all.uploadId,
    PartNumber: all.partNumber,
    PartNumberMarker: all.after ? String(all.after) : undefined,
    MultipartUpload: all.parts && {
      Parts: all.parts.map(({ partNumber, etag }) => ({ PartNumber: partNumber, ETag: etag })),
    },
  }
}

/** The SDK's names to ours. */
// biome-ignore lint/suspicious/noExplicitAny: the SDK's outputs, read field by field
function outputOf(name: OperationName, output: any): unknown {
  switch (name) {
    case 'deleteObjects': {
      const failed = output.Errors?.[0]
      if (failed) throw new S3Fault(name, 500, failed.Code ?? '', failed.Message ?? 'a key was not deleted')
      return undefined
    }
    case 'createMultipartUpload':
      return { uploadId: output.UploadId }
    case 'listParts':
      return {
        // biome-ignore lint/suspicious/noExplicitAny: see above
        parts: (output.Parts ?? []).map((part: any) => ({
          partNumber: part.PartNumber,
          etag: part.ETag,
          size: part.Size,
        })),
        next: output.IsTruncated ? Number(output.NextPartNumberMarker) : undefined,
      }
    case 'getObject':
      return { etag: output.ETag ?? '', length: output.ContentLength ?? 0, body: output.Body }
    case 'headObject':
      return { etag: output.ETag ?? '', length: output.ContentLength ?? 0, metadata: output.Metadata ?? {} }
    case 'abortMultipartUpload':
      return undefined
    default:
      return { etag: output.ETag ?? '' }
  }
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the SDK throws
function asFault(name: OperationName, error: any): S3Fault {
  if (error instanceof S3Fault) return error
  const status = error?.$metadata?.httpStatusCode ?? 0
  // The SDK's own errors (no credentials, no region) have no status: nothing was sent, and trying again cannot help.
  const local = status === 0 && /Credentials|Region|ERR_INVALID/.test(`${error?.name} ${error?.code}`)
  return new S3Fault(
    name,
    local ? 400 : status,
    error?.Code ?? error?.name ?? error?.code ?? '',
    String(error?.message),
    error,
  )
}
