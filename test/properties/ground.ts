/**
 * Where runs take place: nodes over a development bucket, or over a folder.
 * @module
 */

import { readdir, readFile, rm } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DeleteObjectsCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { DiskStore } from '../../src/disk/index.js'
import { nodeHandler } from '../../src/http/node.js'
import { S3Store, type S3StoreOptions } from '../../src/s3/index.js'
import { createServer, type Logger, type SweepReport } from '../../src/server.js'
import type { Store } from '../../src/store/store.js'
import { BUCKET, clientOf, KNOWN, openBucket, temporaryFolder } from '../support/bucket.js'
import { PART, type Scenario } from './actions.js'
import type { Strike } from './strikes.js'

export interface TestNode {
  url: string
  /** How many uploads it writes now. */
  active(): number
  /** Looks at all uploads. What goes wrong is counted, never thrown. */
  sweep(): Promise<SweepReport>
  /** As at SIGTERM. */
  close(): Promise<void>
  /** Cuts all connections; what it was doing goes on by itself. */
  cut(): Promise<void>
}

export interface Ground {
  startNode(scenario: Pick<Scenario, 'memory' | 'copying'>): Promise<TestNode>
  /** From now on; `onStrike` is called for each fault. */
  strike(strikes: readonly Strike[], onStrike: (strike: Strike) => void): void
  /** The bytes of the finished object; undefined if there is none. */
  object(id: string): Promise<Buffer | undefined>
  /** Names of all that is stored with this ID. */
  stored(id: string): Promise<string[]>
  /** Names of all that is stored. */
  everything(): Promise<string[]>
  /** For the next run. */
  empty(): Promise<void>
  close(): Promise<void>
}

const SERVER = { yieldTimeout: 3_000, completionTimeout: 3_000 }

async function listen(store: Store, log: Logger): Promise<TestNode> {
  const holdfast = createServer({ store, ...SERVER, logger: log })
  const listener = http.createServer(nodeHandler(holdfast)).listen(0, '127.0.0.1')
  await new Promise((resolve) => listener.once('listening', resolve))
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      listener.close(() => resolve())
      listener.closeAllConnections()
    })
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/files/`,
    active: () => holdfast.active,
    sweep: () => holdfast.sweep(),
    async close() {
      await holdfast.close({ timeout: 5_000 })
      await stop()
    },
    cut: stop,
  }
}

const SMALL: Partial<S3StoreOptions> = {
  minPartSize: PART / 4,
  preferredPartSize: PART,
  maxObjectSize: 10_000 * PART,
  commitInterval: 1,
  maxAttempts: 2,
  requestTimeout: 400,
  completeTimeout: 400,
}

const targetOf = (key: string): Strike['target'] =>
  key.endsWith('.info') || key === ''
    ? 'record'
    : key.endsWith('.finals')
      ? 'finals'
      : /\.part\d*$/.test(key)
        ? 'slot'
        : 'object'

/** The bucket can do all; nodes that are told otherwise take the other ways. */
const COPYING: Record<Scenario['copying'], { copiesParts: boolean; equalParts: boolean }> = {
  copies: { copiesParts: true, equalParts: false },
  'equal parts': { copiesParts: true, equalParts: true },
  none: { copiesParts: false, equalParts: false },
}

export async function s3Ground(log: Logger): Promise<Ground> {
  const bucket = await openBucket({ minPartSize: PART / 4 })
  const folder = await temporaryFolder()
  const memories = {
    // A quarter of it are the parts that may be on their way at once.
    little: { bufferMemory: 8 * PART },
    files: { bufferMemory: 8 * PART, temporaryDirectory: folder.path },
    enough: {},
  }
  /** Looks of the test itself, which no fault strikes. */
  let looks = 0
  async function look<T>(work: () => Promise<T>): Promise<T> {
    looks++
    return work().finally(() => looks--)
  }
  return {
    startNode({ memory, copying }) {
      const service = clientOf(bucket.bucket)
      const capabilities = { ...KNOWN, ...COPYING[copying] }
      return listen(new S3Store({ bucket: BUCKET, service, capabilities, ...SMALL, ...memories[memory] }), log)
    },
    strike(strikes, onStrike) {
      const counts = strikes.map(() => 0)
      /** What is struck once is struck again when it is tried again: of parts, the one with this number. */
      const parts: (number | undefined)[] = []
      bucket.bucket.intercept = ({ operation, key, partNumber }) => {
        if (looks > 0) return undefined
        const target = targetOf(key)
        for (const [index, strike] of strikes.entries()) {
          if (strike.operation !== operation || strike.target !== target) continue
          if (counts[index]! >= strike.nth && partNumber !== parts[index]) continue
          const count = ++counts[index]!
          if (count === strike.nth) parts[index] = partNumber
          if (count < strike.nth || count >= strike.nth + strike.times) continue
          onStrike(strike)
          return strike.fault
        }
        return undefined
      }
    },
    object: (id) =>
      look(async () => ((await bucket.keys(id)).includes(id) ? (await bucket.object(id)).bytes : undefined)),
    stored: (id) =>
      look(async () => {
        const uploads = Array.from({ length: await bucket.multiparts(id) }, () => `${id} (multipart)`)
        return [...(await bucket.keys(id)), ...uploads]
      }),
    everything: () =>
      look(async () => {
        const { Uploads = [] } = await bucket.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
        return [...(await bucket.keys()), ...Uploads.map(({ Key }) => `${Key} (multipart)`)]
      }),
    empty: () =>
      look(async () => {
        const Objects = (await bucket.keys()).map((Key) => ({ Key }))
        if (Objects.length > 0) {
          await bucket.client.send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects } }))
        }
        await bucket.abortMultiparts('')
      }),
    async close() {
      await bucket.close()
      await folder.remove()
    },
  }
}

export async function diskGround(log: Logger): Promise<Ground> {
  const folder = await temporaryFolder()
  return {
    startNode: () => listen(new DiskStore({ directory: folder.path, fsync: 'never', lockTimeout: 2_000 }), log),
    strike: () => undefined,
    object: (id) => readFile(join(folder.path, id)).catch(() => undefined),
    stored: async (id) => (await readdir(folder.path)).filter((name) => name.startsWith(id)).sort(),
    everything: () => readdir(folder.path),
    async empty() {
      for (const name of await readdir(folder.path)) await rm(join(folder.path, name), { recursive: true })
    },
    close: () => folder.remove(),
  }
}
