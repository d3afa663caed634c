/**
 * Servers by the built command, each with a proxy of its own before one bucket: so that it is known whose a request is,
 * and each can be held at any moment.
 * @module
 */
import { createHash } from 'node:crypto'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { GetObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { startBucket } from '../../src/testing/bucket/index.js'
import { afterwards, type Command, startServer, temporaryFolder } from '../../test/cli/command.js'
import { type FaultProxy, type ProxiedCall, startFaultProxy } from '../../test/support/fault-proxy.js'

const BUCKET = 'uploads'
const KiB = 1024
export const PART = 64 * KiB

export interface Server {
  readonly url: string
  readonly command: Command
  readonly proxy: FaultProxy
  /** Requests to S3 that were begun, so that quiet can be told. */
  calls: number
}

/** A request to S3 that is held, before S3 has seen it or before its answer goes back. */
export interface Gate {
  /** Resolves when the request is there; with `before`, S3 has not seen it, with `after` it has done the work. */
  readonly reached: Promise<void>
  release(): void
}

export interface World {
  readonly servers: readonly Server[]
  bytes(key: string): Promise<Buffer | undefined>
  /** All that is stored with this ID: keys with digests of their bytes, and unfinished multipart uploads. */
  listing(id: string): Promise<Record<string, string>>
}

type Options = { servers: number; opaqueEtags?: boolean }

export async function openWorld(
  context: Pick<TestContext, 'after'>,
  { servers, opaqueEtags }: Options,
): Promise<World> {
  const directory = temporaryFolder(context)
  const quirks = opaqueEtags ? { quirks: { opaqueEtags } } : {}
  const bucket = await startBucket({ directory, buckets: [BUCKET], minPartSize: 16 * KiB, ...quirks })
  afterwards(context, () => bucket.close())
  const { endpoint, credentials } = bucket
  const client = new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true })
  afterwards(context, () => client.destroy())
  const bytes = async (key: string): Promise<Buffer | undefined> => {
    const read = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key })).catch(() => undefined)
    return read && Buffer.from(await read.Body!.transformToByteArray())
  }
  return {
    servers: await Promise.all(Array.from({ length: servers }, () => startOne(context, bucket))),
    bytes,
    async listing(id) {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: id }))
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: id }))
      const listed: Record<string, string> = {}
      for (const { Key } of Contents) {
        const digest = createHash('sha256').update((await bytes(Key!)) ?? '')
        listed[Key!] = digest.digest('hex')
      }
      for (const { UploadId } of Uploads) listed[`multipart ${UploadId}`] = ''
      return listed
    },
  }
}

async function startOne(
  context: Pick<TestContext, 'after'>,
  { endpoint, credentials }: Awaited<ReturnType<typeof startBucket>>,
): Promise<Server> {
  const proxy = await startFaultProxy(endpoint)
  afterwards(context, () => proxy.close())
  const sizes = ['--s3-part-size', `${PART / KiB}KiB`, '--s3-min-part-size', '16KiB', '--s3-max-object-size', '64MiB']
  const known = ['--s3-provider', 'other', '--s3-conditional-writes', 'quoted', '--s3-request-timeout', '60s']
  const args = ['serve', '--port', '0', '--s3-bucket', BUCKET, '--s3-endpoint', proxy.endpoint, ...sizes, ...known]
  const command = await startServer(context, args, {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  })
  const server: Server = { url: command.url, command, proxy, calls: 0 }
  pass(server)
  return server
}

function pass(server: Server): void {
  server.proxy.decide = () => {
    server.calls++
    return undefined
  }
}

/** A moment in the work of a server: a request to S3, before S3 has it or after. */
export interface Moment {
  operation: ProxiedCall['operation']
  target?: 'record' | 'slot' | 'object'
  partNumber?: number
  /** Which of such requests; the first by default. */
  nth?: number
  where: 'before' | 'after'
}

export const nameOf = ({ operation, target, partNumber, nth, where }: Moment): string =>
  [where, operation, target, partNumber, nth && `(${nth})`].filter(Boolean).join(' ')

const targetOf = (key: string): Moment['target'] =>
  key.endsWith('.info') ? 'record' : /\.part\d*$/.test(key) ? 'slot' : 'object'

/** Holds the next request of this server that is of this moment; all others pass. */
export function hold(server: Server, moment: Moment): Gate {
  let reach = (): void => undefined
  let release = (): void => undefined
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  let seen = 0
  let isHeld = false
  server.proxy.decide = ({ operation, key, partNumber }) => {
    server.calls++
    const isIt =
      operation === moment.operation &&
      (moment.target === undefined || moment.target === targetOf(key)) &&
      (moment.partNumber === undefined || moment.partNumber === partNumber)
    if (isHeld || !isIt || ++seen < (moment.nth ?? 1)) return undefined
    isHeld = true
    return { action: moment.where === 'before' ? 'hold-before' : 'hold-after', held: reach, until: released }
  }
  return {
    reached,
    release() {
      pass(server)
      release()
    },
  }
}

/** Stops the process as SIGSTOP does, and waits until the system says that it stands still. */
export async function stop({ command }: Server): Promise<void> {
  command.child.kill('SIGSTOP')
  await sleep(10)
}

export function goOn({ command }: Server): void {
  command.child.kill('SIGCONT')
}

/** Waits until the server asks S3 for nothing any more. */
export async function quiet(server: Server): Promise<void> {
  for (let before = -1; before !== server.calls; ) {
    before = server.calls
    await sleep(70)
  }
}
