/**
 * Other tus servers over the development bucket, to see what they leave in it, and the states in which they may leave an
 * upload. Their objects are not imitated: the real programs write them.
 * @module
 */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { AbortMultipartUploadCommand, ListMultipartUploadsCommand, ListPartsCommand } from '@aws-sdk/client-s3'
import type { Intercept } from '../../src/testing/bucket/index.js'
import { BUCKET, type OpenBucket, someBytes } from './bucket.js'
import { PATCH_TYPE, TUS } from './stack.js'

export interface Peer {
  /** Where it takes creations; another after a restart. */
  readonly url: string
  /** Kills it, and starts it again. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Bytes. */
export interface Sizes {
  part: number
  minPart: number
}

/** What a peer left behind, and what Holdfast must make of it. */
export interface Left {
  id: string
  bytes: Buffer
  /** What Holdfast must tell. */
  offset: number
  /** What the peer itself told at the end; undefined if it was not asked. */
  told: number | undefined
}

/** Starts @tus/server with @tus/s3-store of major version 1 or 2. */
export function startTusNode(major: 1 | 2, bucket: OpenBucket, sizes: Sizes): Promise<Peer> {
  const { endpoint, region, credentials } = bucket.bucket
  const s3 = { bucket: BUCKET, endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 }
  return forked({ major, sizes, s3 })
}

/** Starts @tus/server with @tus/file-store. */
export const startTusNodeOnDisk = (directory: string): Promise<Peer> => forked({ major: 2, directory })

function forked(settings: { major: 1 | 2 } & Record<string, unknown>): Promise<Peer> {
  return inChild(async () => {
    const child = fork(join(import.meta.dirname, 'tus-node.mjs'), [JSON.stringify(settings)], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    const port = await new Promise<number>((resolve, reject) => {
      child.once('message', (message) => resolve(message as number))
      child.once('exit', (code) => reject(new Error(`@tus/server ${settings.major} ended with ${code}`)))
    })
    return { child, url: `http://127.0.0.1:${port}/files/` }
  })
}

/** A peer that is a process. */
export async function inChild(start: () => Promise<{ child: ChildProcess; url: string }>): Promise<Peer> {
  let now = await start()
  const stop = async (): Promise<void> => {
    if (now.child.exitCode !== null || now.child.signalCode !== null) return
    const exit = new Promise((resolve) => now.child.once('exit', resolve))
    now.child.kill('SIGKILL')
    await exit
  }
  return {
    get url() {
      return now.url
    },
    async restart() {
      await stop()
      now = await start()
    },
    stop,
  }
}

const META = { 'Upload-Metadata': 'filename dMO8bHAudHh0,filetype dGV4dC9wbGFpbg==,empty' }
export const METADATA = { filename: 'tülp.txt', filetype: 'text/plain', empty: '' }

export const create = (peer: Peer, fields: Record<string, string>): Promise<Response> =>
  fetch(peer.url, { method: 'POST', headers: { ...TUS, ...META, ...fields } })

export async function created(peer: Peer, fields: Record<string, string>): Promise<string> {
  const response = await create(peer, fields)
  assert.equal(response.status, 201, await response.text())
  return new URL(response.headers.get('Location')!, peer.url).href
}

export async function send(url: string, offset: number, body: Uint8Array, fields = {}): Promise<number> {
  const headers = { ...PATCH_TYPE, 'Upload-Offset': String(offset), ...fields }
  return (await fetch(url, { method: 'PATCH', headers, body })).status
}

export async function tell(url: string): Promise<number | undefined> {
  const response = await fetch(url, { method: 'HEAD', headers: TUS })
  const offset = response.headers.get('Upload-Offset')
  return response.status === 200 && offset !== null ? Number(offset) : undefined
}

export const idIn = (url: string): string => decodeURIComponent(url.slice(url.indexOf('/files/') + 7))

/** One state: its name, and how a peer comes to leave an upload in it. */
export type State = [name: string, leave: (peer: Peer, bucket: OpenBucket, sizes: Sizes) => Promise<Left>]

/** A creation of `length` bytes (or a deferred length), and PATCHes that the peer takes. */
function plain(name: string, of: (sizes: Sizes) => { length: number; deferred?: boolean; sent: number[] }): State {
  return [
    name,
    async (peer, _, sizes) => {
      const { length, deferred = false, sent } = of(sizes)
      const bytes = someBytes(length)
      const url = await created(peer, deferred ? { 'Upload-Defer-Length': '1' } : { 'Upload-Length': String(length) })
      let offset = 0
      for (const count of sent) {
        assert.equal(await send(url, offset, bytes.subarray(offset, offset + count)), 204)
        offset += count
      }
      return { id: idIn(url), bytes, offset, told: await tell(url) }
    },
  ]
}

/**
 * A PATCH of three parts and a rest. S3 does not answer one of the parts while it takes all others, and then the peer
 * crashes. The same is left when S3 refuses the part late.
 */
function hole(name: string, unanswered: number, partsThatCount: number): State {
  return [
    name,
    async (peer, bucket, sizes) => {
      const bytes = someBytes(5 * sizes.part + 77)
      const url = await created(peer, { 'Upload-Length': String(bytes.length) })
      const id = idIn(url)
      const others = [1, 2, 3].filter((part) => part !== unanswered)
      await during(
        bucket,
        ({ operation, partNumber }) =>
          operation === 'UploadPart' && partNumber === unanswered ? { action: 'hang' } : undefined,
        async () => {
          const sent = send(url, 0, bytes.subarray(0, 3 * sizes.part + 1000)).catch(() => undefined)
          await until(async () => isDeepStrictEqual(await partsOf(bucket, id), others))
          await until(async () => (await bucket.keys()).some((key) => key.endsWith(`${objectOf(id)}.part`)))
          await peer.restart()
          await sent
        },
      )
      const told = await tell(peer.url + encodeURIComponent(id))
      assert.equal(told, 2 * sizes.part + 1000, 'the peer counts what is behind the hole')
      return { id, bytes, offset: partsThatCount * sizes.part, told }
    },
  ]
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 1_000, 'the peer stored what it was sent')
    await setTimeout(20)
  }
}

const REFUSAL = { action: 'status', status: 403, code: 'AccessDenied' } as const

/** The part of an ID that objects are named by. */
export const objectOf = (id: string): string => id.split('+')[0]!

async function multipartOf(bucket: OpenBucket, id: string): Promise<{ Key: string; UploadId: string } | undefined> {
  const { Uploads = [] } = await bucket.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
  const mine = Uploads.find(({ Key }) => Key!.endsWith(objectOf(id)))
  return mine && { Key: mine.Key!, UploadId: mine.UploadId! }
}

async function partsOf(bucket: OpenBucket, id: string): Promise<number[]> {
  const multipart = await multipartOf(bucket, id)
  const { Parts = [] } = await bucket.client.send(new ListPartsCommand({ Bucket: BUCKET, ...multipart! }))
  return Parts.map(({ PartNumber }) => PartNumber!)
}

async function during<T>(bucket: OpenBucket, intercept: Intercept, work: () => Promise<T>): Promise<T> {
  bucket.bucket.intercept = intercept
  try {
    return await work()
  } finally {
    bucket.bucket.intercept = undefined
  }
}

/** Uploads that go on at Holdfast. */
export const UNFINISHED: State[] = [
  plain('created, and nothing sent', ({ part }) => ({ length: 2 * part + 77, sent: [] })),
  plain('a small one, created', () => ({ length: 1000, sent: [] })),
  plain('two parts', ({ part }) => ({ length: 4 * part + 77, sent: [2 * part] })),
  plain('two parts and a tail', ({ part }) => ({ length: 4 * part + 77, sent: [2 * part + 1000] })),
  plain('a tail alone', ({ part }) => ({ length: 2 * part, sent: [1000] })),
  plain('a tail alone, of two requests', ({ part }) => ({ length: 2 * part, sent: [1000, 500] })),
  plain('parts of several sizes', ({ part, minPart }) => ({
    length: 5 * part,
    sent: [part + minPart + 7, minPart + 3, 1000, minPart],
  })),
  plain('one byte is missing', ({ part }) => ({ length: 2 * part + 1001, sent: [2 * part + 1000] })),
  plain('a deferred length, nothing sent', ({ part }) => ({ length: part, deferred: true, sent: [] })),
  plain('a deferred length, a tail', ({ part }) => ({ length: part, deferred: true, sent: [1000] })),
  plain('a deferred length, a part and a tail', ({ part }) => ({
    length: 3 * part + 5,
    deferred: true,
    sent: [part + 1000],
  })),
  hole('a hole at part 2 of 3', 2, 1),
  hole('a hole at part 1 of 3', 1, 0),
]

/** Uploads with all their bytes. */
export const FINISHED: State[] = [
  plain('several parts', ({ part }) => ({ length: 2 * part + 77, sent: [2 * part + 77] })),
  plain('several requests', ({ part }) => ({ length: part + 1077, sent: [1000, part, 77] })),
  plain('a small one', () => ({ length: 1000, sent: [1000] })),
  plain('an empty one', () => ({ length: 0, sent: [] })),
]

/** All bytes are stored, and CompleteMultipartUpload failed. */
export const UNCOMPLETED: State = [
  'all bytes, but S3 did not complete them',
  async (peer, bucket, sizes) => {
    const bytes = someBytes(sizes.part + 1000)
    const url = await created(peer, { 'Upload-Length': String(bytes.length) })
    const status = await during(
      bucket,
      ({ operation }) => (operation === 'CompleteMultipartUpload' ? REFUSAL : undefined),
      () => send(url, 0, bytes),
    )
    assert.notEqual(status, 204)
    return { id: idIn(url), bytes, offset: bytes.length, told: await tell(url) }
  },
]

/** The multipart upload was aborted behind the peer's back. */
export const ABORTED: State = [
  'the multipart upload was aborted',
  async (peer, bucket, sizes) => {
    const bytes = someBytes(2 * sizes.part)
    const url = await created(peer, { 'Upload-Length': String(bytes.length) })
    assert.equal(await send(url, 0, bytes.subarray(0, sizes.part + 1000)), 204)
    const multipart = (await multipartOf(bucket, idIn(url)))!
    await bucket.client.send(new AbortMultipartUploadCommand({ Bucket: BUCKET, ...multipart }))
    return { id: idIn(url), bytes, offset: 0, told: await tell(url) }
  },
]
