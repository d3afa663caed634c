/**
 * Lifecycle rules put into a bucket, beside those that are there. S3 takes all rules of a bucket at once and has no condition
 * for that, so whoever changes them at the same moment is not noticed.
 * @module
 */
import {
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
  type S3Client,
  type TransitionDefaultMinimumObjectSize,
} from '@aws-sdk/client-s3'
import { UploadError } from '../../errors.js'
import { withContentMd5 } from '../call/md5.js'
import { isSame, type Merged, merge } from './rules.js'

export interface Installation extends Merged {
  /** What the bucket had. */
  before: readonly LifecycleRule[]
  /** Whether it was put; not if nothing changes, or in a dry run. */
  installed: boolean
}

/**
 * @throws UploadError ERR_STORE_REFUSED if the provider has no lifecycle rules, takes not these, or the credentials may not ·
 *   ERR_STORE_UNAVAILABLE
 */
export async function install(
  client: S3Client,
  bucket: string,
  wanted: readonly LifecycleRule[],
  { dryRun = false } = {},
): Promise<Installation> {
  const present = await read(client, bucket)
  const merged = merge(present.rules, wanted)
  const found = { ...merged, before: present.rules, installed: false }
  if (!merged.isChanged || dryRun) return found
  const command = new PutBucketLifecycleConfigurationCommand({
    Bucket: bucket,
    LifecycleConfiguration: { Rules: merged.rules },
    ...(present.minimum ? { TransitionDefaultMinimumObjectSize: present.minimum } : {}),
  })
  withContentMd5(command)
  await client.send(command).catch((error) => {
    throw asFailure(error, 's3:PutLifecycleConfiguration')
  })
  await mustBeThere(client, bucket, wanted)
  return { ...found, installed: true }
}

interface Present {
  rules: LifecycleRule[]
  /** AWS's default for transitions of small objects, which a Put would reset. */
  minimum: TransitionDefaultMinimumObjectSize | undefined
}

async function read(client: S3Client, bucket: string): Promise<Present> {
  try {
    const output = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }))
    return { rules: output.Rules ?? [], minimum: output.TransitionDefaultMinimumObjectSize }
  } catch (error) {
    if ((error as Error).name === 'NoSuchLifecycleConfiguration') return { rules: [], minimum: undefined }
    throw asFailure(error, 's3:GetLifecycleConfiguration')
  }
}

/** Some take a configuration and keep of it what they know. */
async function mustBeThere(client: S3Client, bucket: string, wanted: readonly LifecycleRule[]): Promise<void> {
  const { rules } = await read(client, bucket)
  const lost = wanted.filter((rule) => !rules.some((other) => isSame({ ...rule }, other)))
  if (lost.length === 0) return
  const message =
    `The provider took the rules and did not keep ${lost.map(({ ID }) => ID).join(', ')} as put: it does not have such ` +
    'rules. Sweep instead (holdfast sweep), and abort unfinished multipart uploads by its own means.'
  throw new UploadError('ERR_STORE_REFUSED', { message })
}

/** What such a provider answers. */
const ABSENT = ['NotImplemented', 'MethodNotAllowed', 'NotSupported', 'UnsupportedOperation']

function asFailure(error: unknown, permission: string): UploadError {
  const { name, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } }
  const status = $metadata?.httpStatusCode ?? 0
  const refused = (text: string): UploadError => new UploadError('ERR_STORE_REFUSED', { message: text, cause: error })
  if (ABSENT.includes(name) || status === 501 || status === 405) {
    return refused('This provider has no lifecycle rules that S3 clients can set; use its own console, if it has some.')
  }
  if (status === 403) return refused(`The credentials need ${permission} on the bucket itself.`)
  if (status >= 400 && status < 500) {
    return refused(
      'The provider refuses the lifecycle rules. It may have none that abort multipart uploads, as MinIO, which drops them by itself.',
    )
  }
  return new UploadError('ERR_STORE_UNAVAILABLE', { cause: error })
}
