/**
 * Each operation that the store uses, once, on a small object: what is denied is named by its IAM permission.
 * @module
 */
import { HeadObjectCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { ID_MARK, TOKEN_MARK } from '../object-head.js'
import type { Refusal } from './diagnose.js'
import { readAll, textPayload } from './payload.js'
import { type Asked, brief, type Room } from './room.js'

export async function permissions(room: Room): Promise<void> {
  const { objectPrefix, metadataObjectPrefix } = room.prefixes
  const isOne = objectPrefix === metadataObjectPrefix
  const written = await put(room, 'record', isOne ? '' : ` below ${metadataObjectPrefix || 'no prefix'}`)
  if (!isOne) await put(room, 'object', ` below ${objectPrefix || 'no prefix'}`)
  await read(room, written)
  await multipart(room)
  await remove(room, written)
  await lists(room)
}

async function put(room: Room, place: 'record' | 'object', where: string): Promise<boolean> {
  const input = {
    key: room.key('small', place),
    body: textPayload('small'),
    data: false,
    metadata: { [ID_MARK]: 'doctor' },
  }
  const asked = await room.ask(room.call('putObject', input))
  return told(room, `PutObject${where}`, 's3:PutObject', asked)
}

async function read(room: Room, written: boolean): Promise<void> {
  const key = room.key('small')
  if (!written) {
    for (const what of ['GetObject', 'HeadObject']) room.find('Permissions', what, 'skipped', 'needs PutObject')
    return missingKey(room, false)
  }
  const asked = await room.ask(
    room
      .call('getObject', { key, range: 'bytes=1-3' })
      .then(async ({ etag, body }) => ({ etag, bytes: await readAll(body) })),
  )
  if (asked.output && asked.output.bytes.toString() !== 'mal') {
    const meaning = 'Downloads and tails are read by range: the server cannot do without.'
    room.find('Permissions', 'GetObject of a range', 'failure', `other bytes: ${asked.output.bytes.length}`, meaning)
  } else told(room, 'GetObject', 's3:GetObject', asked)
  const head = await room.ask(room.call('headObject', { key }))
  if (told(room, 'HeadObject', 's3:GetObject', head) && head.output) tellMetadata(room, head.output.metadata[ID_MARK])
  await versioning(room, key)
  await missingKey(room, asked.output !== undefined)
}

/** The marks of an object are how a completion is recognised whose answer was lost. */
function tellMetadata(room: Room, mark: string | undefined): void {
  if (mark === 'doctor') return
  const meaning = 'The server knows its objects again by their metadata; without it, a completion cannot be settled.'
  room.find('Writes', 'Metadata of an object', 'failure', 'not kept', meaning)
}

/** With versions, each commit leaves the record before it. */
async function versioning(room: Room, Key: string): Promise<void> {
  const { client, bucket } = room.options
  const { output } = await room.ask(client.send(new HeadObjectCommand({ Bucket: bucket, Key })))
  if (!output?.VersionId || output.VersionId === 'null') return
  const meaning =
    'Each commit leaves an old version of its record: give the bucket a lifecycle rule that expires noncurrent versions. ' +
    'This examination leaves a few, too.'
  room.find('Writes', 'Versioning', 'warning', 'on', meaning)
}

async function missingKey(room: Room, canRead: boolean): Promise<void> {
  const { refusal } = await room.ask(room.call('getObject', { key: room.key('missing') }))
  if (refusal?.status === 404) {
    room.facts.missingKey = 'absent'
    return room.find('Permissions', 'ListBucket', 'ok', 'a missing key is 404')
  }
  if (refusal?.status !== 403 || !canRead) {
    const found = refusal ? `a missing key is ${brief(refusal)}` : 'a missing key is found'
    const status = canRead ? 'failure' : 'skipped'
    return room.find('Permissions', 'ListBucket', status, canRead ? found : 'needs GetObject')
  }
  room.facts.missingKey = 'denied'
  room.missing.useful.add('s3:ListBucket')
  const meaning =
    'Without s3:ListBucket a missing upload cannot be told from a missing permission: the server takes it as missing, at ' +
    'the cost of a request.'
  room.find('Permissions', 'ListBucket', 'warning', 'a missing key is 403', meaning)
}

async function multipart(room: Room): Promise<void> {
  const key = room.key('parts', 'object')
  const metadata = { [ID_MARK]: 'doctor', [TOKEN_MARK]: 'token' }
  const made = await room.ask(room.call('createMultipartUpload', { key, contentType: 'text/plain', metadata }))
  if (!told(room, 'CreateMultipartUpload', 's3:PutObject', made) || !made.output) {
    for (const what of ['UploadPart', 'ListParts', 'CompleteMultipartUpload', 'AbortMultipartUpload']) {
      room.find('Permissions', what, 'skipped', 'needs CreateMultipartUpload')
    }
    return
  }
  const { uploadId } = made.output
  const part = { key, uploadId, partNumber: 1, body: textPayload('part') }
  const sent = await room.ask(room.call('uploadPart', part))
  told(room, 'UploadPart', 's3:PutObject', sent)
  const listed = await room.ask(room.call('listParts', { key, uploadId, after: 0 }))
  told(room, 'ListParts', 's3:ListMultipartUploadParts', listed)
  if (!sent.output) room.find('Permissions', 'CompleteMultipartUpload', 'skipped', 'needs UploadPart')
  else await complete(room, key, uploadId, sent.output.etag)
  await abort(room)
}

async function complete(room: Room, key: string, uploadId: string, etag: string): Promise<void> {
  const asked = await room.ask(
    room.call('completeMultipartUpload', { key, uploadId, parts: [{ partNumber: 1, etag }] }),
  )
  if (!told(room, 'CompleteMultipartUpload', 's3:PutObject', asked)) return
  const head = await room.ask(room.call('headObject', { key }))
  if (head.output) tellMetadata(room, head.output.metadata[ID_MARK])
}

/** Of an upload of its own, so that it is tried even where nothing can be completed. */
async function abort(room: Room): Promise<void> {
  const key = room.key('aborted', 'object')
  const made = await room.ask(room.call('createMultipartUpload', { key, contentType: undefined, metadata: {} }))
  if (!made.output) return
  const { uploadId } = made.output
  const asked = await room.ask(room.call('abortMultipartUpload', { key, uploadId }))
  if (!told(room, 'AbortMultipartUpload', 's3:AbortMultipartUpload', asked)) return
  const { refusal } = await room.ask(room.call('listParts', { key, uploadId, after: 0 }))
  if (refusal?.status === 404) return
  const found = refusal ? brief(refusal) : 'still there'
  const meaning = 'An aborted multipart upload is not told from one that is there, or not at once.'
  room.find('Multipart uploads', 'ListParts after an abort', 'warning', found, meaning)
}

async function remove(room: Room, written: boolean): Promise<void> {
  if (!written) return room.find('Permissions', 'DeleteObjects', 'skipped', 'needs PutObject')
  const key = room.key('small')
  const asked = await room.ask(room.call('deleteObjects', { keys: [key, room.key('missing')] }))
  if (!told(room, 'DeleteObjects', 's3:DeleteObject', asked)) return
  const { output } = await room.ask(room.call('headObject', { key }))
  if (!output) return
  room.find('Permissions', 'DeleteObjects', 'failure', 'the object is still there', 'Tails and uploads would never go.')
}

async function lists(room: Room): Promise<void> {
  const { client, bucket } = room.options
  const key = room.key('aborted', 'object')
  const asked = await room.ask(
    client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key, MaxUploads: 1 })),
  )
  if (asked.output) return room.find('Permissions', 'ListMultipartUploads', 'ok', 'yes')
  const found = brief(asked.refusal)
  room.find(
    'Permissions',
    'ListMultipartUploads',
    'info',
    found,
    'Without s3:ListBucketMultipartUploads the server cannot find the multipart uploads that crashed writers left; a ' +
      'lifecycle rule can remove them.',
  )
}

/** Adds the finding of an operation. @returns whether it was done */
export function told(room: Room, what: string, permission: string, asked: Asked<unknown>): boolean {
  const { refusal } = asked
  if (refusal === undefined) {
    room.find('Permissions', what, 'ok', 'yes')
    return true
  }
  if (!isDenied(refusal)) {
    room.find('Permissions', what, 'failure', brief(refusal), `${refusal.message.replace(/^[^:]*: /, '')}`)
    return false
  }
  const missing = namedIn(refusal) ?? permission
  room.missing.needed.add(missing)
  room.find('Permissions', what, 'failure', brief(refusal), `The credentials lack ${missing}.`)
  return false
}

/** DeleteObjects denies each key in an answer that is a success. */
const isDenied = ({ status, code }: Refusal): boolean =>
  code === 'AccessDenied' || ((status === 401 || status === 403) && !/Signature|Token|AccessKey|Skewed/.test(code))

/** AWS says which permission is missing, which may be one of KMS. */
function namedIn({ message }: Refusal): string | undefined {
  return /not authorized to perform: ((?:s3|kms):\w+)/.exec(message)?.[1]
}
