/**
 * Content-MD5 instead of a CRC32 for DeleteObjects and lifecycle rules: AWS takes either, older MinIO, R2 and others only
 * this.
 * @module
 */
import { createHash } from 'node:crypto'
import type { DeleteObjectsCommand, PutBucketLifecycleConfigurationCommand } from '@aws-sdk/client-s3'

const REPLACED = /^x-amz-(?:checksum-|sdk-checksum-algorithm$)/

/** Adds it after the SDK's own checksum was computed and before the request is signed. */
export function withContentMd5<C extends DeleteObjectsCommand | PutBucketLifecycleConfigurationCommand>(command: C): C {
  // The two stacks differ in the type of their inputs, which this does not look at.
  const stack = command.middlewareStack as DeleteObjectsCommand['middlewareStack']
  stack.add(
    (next) => (args) => {
      const request = args.request as { headers: Record<string, string>; body: string | Uint8Array }
      const kept = Object.entries(request.headers).filter(([name]) => !REPLACED.test(name.toLowerCase()))
      const md5 = createHash('md5').update(request.body).digest('base64')
      request.headers = { ...Object.fromEntries(kept), 'content-md5': md5 }
      return next(args)
    },
    { step: 'build', priority: 'low', name: 'contentMd5' },
  )
  return command
}
