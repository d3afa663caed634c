/**
 * Both stores with a clock that tests turn on: nodes over the same data, and a look at what is stored.
 * @module
 */

import { readdir } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { DiskStore } from '../../src/disk/index.js'
import { nodeHandler } from '../../src/http/node.js'
import { S3Store, type S3StoreOptions } from '../../src/s3/index.js'
import { createServer, type Holdfast, type ServerOptions } from '../../src/server.js'
import type { Store } from '../../src/store/store.js'
import { BUCKET, clientOf, KNOWN, type OpenBucket, openBucket, temporaryFolder } from './bucket.js'

export const KiB = 1024
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE

/** Bytes of one part on the grid. */
export const PART = 4 * KiB

export const KINDS = ['s3', 'disk'] as const

export interface TestNode {
  holdfast: Holdfast
  url: string
  close(): Promise<void>
}

export interface Ground {
  kind: (typeof KINDS)[number]
  now(): number
  /** Turns the clock of the nodes on. The backend's stands: to the nodes, all its dates become older. Milliseconds. */
  pass(time: number): void
  /** A store of its own over the same data, as another process has it. */
  store(options?: Partial<S3StoreOptions>): Store
  node(server?: Partial<ServerOptions>, store?: Store): Promise<TestNode>
  /** Names of all that is stored with this ID. */
  stored(id: string): Promise<string[]>
  /** On S3. */
  bucket: OpenBucket | undefined
  /** On disk. */
  directory: string
}

/** Closed after the test. */
export async function openGround(context: Pick<TestContext, 'after'>, kind: Ground['kind']): Promise<Ground> {
  let passed = 0
  const now = (): number => Date.now() + passed
  const bucket = kind === 's3' ? await openBucket({ minPartSize: KiB }) : undefined
  const folder = await temporaryFolder()
  const closing: (() => Promise<unknown>)[] = []
  context.after(async () => {
    for (const close of closing.reverse()) await close()
    await bucket?.close()
    await folder.remove()
  })
  const ground: Ground = {
    kind,
    now,
    bucket,
    directory: folder.path,
    pass(time) {
      passed += time
    },
    store(options = {}) {
      const service = () => clientOf(bucket!.bucket)
      const sizes = { minPartSize: KiB, preferredPartSize: PART, maxObjectSize: 10_000 * PART, maxAttempts: 2 }
      const store = bucket
        ? new S3Store({ bucket: BUCKET, service: service(), capabilities: KNOWN, ...sizes, now, ...options })
        : new DiskStore({ directory: folder.path, fsync: 'never', lockTimeout: 2_000, now })
      closing.push(() => store.close())
      return store
    },
    async node(server = {}, store = ground.store()) {
      const holdfast = createServer({ store, now, yieldTimeout: 3_000, ...server })
      const listener = http.createServer(nodeHandler(holdfast)).listen(0, '127.0.0.1')
      await new Promise((resolve) => listener.once('listening', resolve))
      const close = async (): Promise<void> => {
        await holdfast.close({ timeout: 5_000 })
        listener.closeAllConnections()
        await new Promise((resolve) => listener.close(resolve))
      }
      closing.push(close)
      return { holdfast, url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/files/`, close }
    },
    async stored(id) {
      if (!bucket) return (await readdir(folder.path)).filter((name) => name.startsWith(id)).sort()
      const uploads = Array.from({ length: await bucket.multiparts(id) }, () => `${id} (multipart)`)
      return [...(await bucket.keys(id)), ...uploads]
    },
  }
  return ground
}
