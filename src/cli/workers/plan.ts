/**
 * How many workers there are, and what each has of what is one for the machine. Pure.
 * @module
 */
import { UsageError } from '../failure.js'
import type { Options } from '../read-options.js'
import { showSize } from '../values.js'

/** What is divided, and what decides how far. */
export type Divided = Pick<
  Options<'serve'>,
  'workers' | 's3Bucket' | 's3PartSize' | 'bufferMemory' | 's3ConcurrentPartUploads'
>

/**
 * With `auto` one for each processor, but not more than have a part of the memory, and a request of the parts, each.
 * @throws UsageError where a number was given for which they do not go round
 */
export function workersOf(options: Divided, processors: number): number {
  const { workers, s3Bucket, s3PartSize, bufferMemory, s3ConcurrentPartUploads } = options
  // A folder needs neither.
  const isBucket = s3Bucket !== undefined
  const byMemory = isBucket ? Math.max(1, Math.floor(bufferMemory / s3PartSize)) : Number.POSITIVE_INFINITY
  const byRequests = isBucket ? Math.max(1, s3ConcurrentPartUploads) : Number.POSITIVE_INFINITY
  if (workers === 'auto') return Math.min(processors, byMemory, byRequests)
  if (workers > byMemory) {
    const need = `${workers} times --s3-part-size (${showSize(s3PartSize)})`
    throw new UsageError(
      `--workers: ${workers} need a --buffer-memory (${showSize(bufferMemory)}) of ${need} at least.`,
    )
  }
  if (workers > byRequests) {
    const given = `--s3-concurrent-part-uploads (${s3ConcurrentPartUploads})`
    throw new UsageError(`--workers: ${workers} need a ${given} of as many at least.`)
  }
  return workers
}

/** @param place 1 for the first worker */
export function shareOf<Given extends Divided>(options: Given, workers: number, place: number): Given {
  const share = (total: number): number => Math.floor(total / workers) + (place <= total % workers ? 1 : 0)
  return {
    ...options,
    bufferMemory: share(options.bufferMemory),
    s3ConcurrentPartUploads: share(options.s3ConcurrentPartUploads),
  }
}
