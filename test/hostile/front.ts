/**
 * What is attacked: the HTTP server of the command, over a store, with uploads of somebody else in it that nobody may touch
 * or see, and things beside it that are none of its business.
 */
import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { bind, createHttpServer } from '../../src/cli/listen.js'
import { DiskStore } from '../../src/disk/index.js'
import { S3Store } from '../../src/s3/index.js'
import { createServer, type Holdfast, type Logger, type ServerOptions } from '../../src/server.js'
import type { Store } from '../../src/store/store.js'
import { BUCKET, clientOf, KNOWN, openBucket, sha256, someBytes, temporaryFolder } from '../support/bucket.js'

/** Everything ends soon: a connection that is open for longer hangs. */
export const LIMITS = { headersTimeout: 400, keepAliveTimeout: 150, connectionsCheckingInterval: 50 }
const TIMES: Partial<ServerOptions> = {
  idleTimeout: 300,
  yieldTimeout: 1_000,
  completionTimeout: 2_000,
  maxSize: 1_000_000,
}

interface Backend {
  store: Store
  /** All names that there are, inside of the store's place and beside it. */
  names(): Promise<string[]>
  /** Whether a name is where the store may put things. */
  isInside(name: string): boolean
  close(): Promise<void>
}

async function openS3(): Promise<Backend> {
  const opened = await openBucket()
  const options = { bucket: BUCKET, service: clientOf(opened.bucket), capabilities: KNOWN }
  const other = new S3Store({ ...options, objectPrefix: 'other/' })
  await other.create({ id: 'outside', length: 5, metadata: {}, metadataField: undefined })
  return {
    store: new S3Store({ ...options, objectPrefix: 'in/', metadataObjectPrefix: 'meta/' }),
    async names() {
      const { Uploads = [] } = await opened.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
      return [...(await opened.keys()), ...Uploads.map(({ Key }) => Key!)].sort()
    },
    isInside: (name) => /^(in|meta)\//.test(name),
    async close() {
      await other.close()
      await opened.close()
    },
  }
}

async function openDisk(): Promise<Backend> {
  const folder = await temporaryFolder()
  const directory = join(folder.path, 'uploads')
  await mkdir(directory)
  await writeFile(join(folder.path, 'outside.txt'), 'outside')
  await writeFile(join(folder.path, 'outside.info'), JSON.stringify({ ID: '../outside', Size: 7, MetaData: {} }))
  return {
    store: new DiskStore({ directory, fsync: 'never' }),
    names: async () => (await readdir(folder.path, { recursive: true })).sort(),
    isInside: (name) => name === 'uploads' || name.startsWith('uploads/'),
    close: folder.remove,
  }
}

export const BACKENDS = { S3: openS3, disk: openDisk }

async function readAll(store: Store, id: string): Promise<string> {
  const hash: Uint8Array[] = []
  for await (const chunk of await (await store.open(id)).read()) hash.push(chunk)
  return sha256(Buffer.concat(hash))
}

async function* bodyOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

export interface Front {
  holdfast: Holdfast
  port: number
  store: Store
  /** The ID of a finished upload of somebody else. */
  canary: string
  /** Nothing that was heard may have any of it. */
  mustNotTell(heard: string): void
  /** Throws if an upload of somebody else was touched, or anything was written where it may not be. */
  mustBeUntouched(): Promise<void>
  names(): Promise<string[]>
  /** Lines of the log at level error. */
  errors: string[]
  close(): Promise<void>
}

export async function openFront(
  name: keyof typeof BACKENDS,
  options: Partial<ServerOptions> = {},
  limits: Parameters<typeof createHttpServer>[1] = {},
): Promise<Front> {
  const backend = await BACKENDS[name]()
  const { store } = backend
  const errors: string[] = []
  const quiet = (): void => undefined
  const logger: Logger = {
    debug: quiet,
    info: quiet,
    warn: quiet,
    error: (fields) => void errors.push(JSON.stringify(fields)),
  }
  const holdfast = createServer({ store, logger, ...TIMES, ...options })
  const { server: listener, http2 } = createHttpServer({ holdfast, basePath: '/files' }, { ...LIMITS, ...limits })
  const port = await bind(listener, '127.0.0.1', 0)
  await holdfast.ready()

  // Bytes that come up nowhere else, and that can be found in an answer.
  const secret = someBytes(32).toString('hex')
  const finished = `canary${someBytes(12).toString('hex')}`
  const unfinished = `canary${someBytes(12).toString('hex')}`
  for (const [id, text, length] of [
    [finished, secret, secret.length],
    [unfinished, secret, 1_000],
  ] as const) {
    const handle = await store.create({ id, length, metadata: { filename: secret }, metadataField: undefined })
    const bytes = Buffer.from(text)
    await handle.append(0, Object.assign(bodyOf(bytes), { length: bytes.length, ended: 'end' as const, stop: quiet }))
  }
  const digest = await readAll(store, finished)
  const outside = (await backend.names()).filter((at) => !backend.isInside(at))
  return {
    holdfast,
    port,
    store,
    canary: finished,
    errors,
    names: backend.names,
    mustNotTell(heard) {
      for (const known of [secret, unfinished, Buffer.from(secret).toString('base64').slice(0, 40)]) {
        assert.ok(!heard.includes(known), 'an upload of somebody else was told')
      }
    },
    async mustBeUntouched() {
      assert.equal(await readAll(store, finished), digest)
      const { info } = await store.open(unfinished)
      assert.deepEqual([info.offset, info.state, info.metadata.filename], [secret.length, 'open', secret])
      const names = await backend.names()
      assert.deepEqual(
        names.filter((at) => !backend.isInside(at)),
        outside,
        'nothing is written elsewhere',
      )
      for (const at of names.filter(backend.isInside)) assert.match(at, /^[\w./+-]+$/)
    },
    async close() {
      await holdfast.close({ timeout: 5_000 })
      http2?.destroy()
      listener.closeAllConnections()
      await new Promise((resolve) => listener.close(resolve))
      await backend.close()
    },
  }
}
