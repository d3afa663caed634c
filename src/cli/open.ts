/**
 * The store and the locker from the options of the command.
 * @module
 */
import type { DiskStoreOptions } from '../disk/index.js'
import { UploadError } from '../errors.js'
import type { S3StoreOptions } from '../s3/index.js'
import type { Logger } from '../server.js'
import type { Locker } from '../store/locker.js'
import type { Store } from '../store/store.js'
import { UsageError } from './failure.js'
import { type CommandName, type Rows, rowsOf } from './options.js'
import { camelCase, type Options } from './read-options.js'

export interface Opened {
  store: Store
  locker: Locker | undefined
  /** Ends what the store does not end by itself. */
  close?: () => Promise<void>
}

/** Who is told of the requests to a bucket. */
export type Watching = Pick<S3StoreOptions, 'observers' | 'tracer'>

/** @throws UploadError ERR_INVALID_OPTIONS · UsageError */
export async function openAll(options: Any, log: Logger, watching: Watching = {}): Promise<Opened> {
  const opened = options.s3Bucket === undefined ? await openFolder(options) : await openBucket(options, log, watching)
  return { ...opened, locker: await openLocker(options) }
}

/** What each command has that opens a store. */
export type StoreFlags = Omit<Options<'inspect'>, 'json'>

type Any = Options<'serve'> | Options<'sweep'> | StoreFlags

async function openFolder(options: Any): Promise<{ store: Store }> {
  const { DiskStore } = await import('../disk/index.js')
  return { store: new DiskStore(diskOptions(options)) }
}

const diskOptions = (options: Any): DiskStoreOptions => ({
  directory: options.uploadDir,
  fsync: options.diskFsync,
  lockTimeout: options.diskLockTimeout,
  dirPerms: options.dirPerms,
  filePerms: options.filePerms,
})

async function openBucket(
  options: Any,
  log: Logger,
  watching: Watching,
): Promise<{ store: Store; close: () => Promise<void> }> {
  const { openS3 } = await import('./s3.js')
  return openS3(options, log, watching)
}

async function openLocker({ lockerRedis, lockerPrefix, lockerTtl }: Any): Promise<Locker | undefined> {
  if (lockerRedis === undefined) return undefined
  const { RedisLocker } = await import('../lockers/redis.js')
  return new RedisLocker({ url: lockerRedis, prefix: lockerPrefix, ttl: lockerTtl })
}

/** What the library calls impossible options, in the words of the command line. */
export function asUsage(error: unknown, command: CommandName): unknown {
  const isUsage = error instanceof UploadError && error.code === 'ERR_INVALID_OPTIONS'
  return isUsage ? new UsageError(withFlagNames(error.message, command)) : error
}

function withFlagNames(message: string, command: CommandName): string {
  return Object.entries(rowsOf(command) as Rows).reduce(
    (text, [flag, row]) => text.replaceAll(new RegExp(`\\b${row.sets ?? camelCase(flag)}\\b`, 'g'), `--${flag}`),
    message,
  )
}
