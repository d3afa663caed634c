/**
 * The IAM policy that the server needs, and no more. Pure.
 * @module
 */

/** What the server cannot do without. */
export const NEEDED_ON_OBJECTS = [
  's3:GetObject',
  's3:PutObject',
  's3:DeleteObject',
  's3:AbortMultipartUpload',
  's3:ListMultipartUploadParts',
] as const

export interface PolicyTarget {
  bucket: string
  region: string | undefined
  objectPrefix: string
  metadataObjectPrefix: string
  /** Permissions besides those that every server needs, such as those for tags, or of a key of KMS. */
  more?: readonly string[]
}

interface Statement {
  Effect: 'Allow'
  Action: string | string[]
  Resource: string | string[]
}

export function policyFor({ bucket, region, objectPrefix, metadataObjectPrefix, more = [] }: PolicyTarget): {
  Version: string
  Statement: Statement[]
} {
  const arn = `arn:${partitionOf(region)}:s3:::${bucket}`
  // What lies under a prefix lies under each shorter one, too.
  const prefixes = [objectPrefix, metadataObjectPrefix].filter(
    (prefix, at, all) => !all.some((other, place) => prefix.startsWith(other) && (prefix !== other || place < at)),
  )
  const objects = prefixes.map((prefix) => `${arn}/${prefix}*`)
  const others = more.filter(
    (action) => action.startsWith('s3:') && !(NEEDED_ON_OBJECTS as readonly string[]).includes(action),
  )
  const actions = [...NEEDED_ON_OBJECTS, ...others]
  const ofKms = more.filter((action) => action.startsWith('kms:'))
  const statements: Statement[] = [
    { Effect: 'Allow', Action: actions, Resource: objects.length === 1 ? objects[0]! : objects },
    // Without a condition on s3:prefix: that would turn the 404 of a missing key into a 403 again.
    { Effect: 'Allow', Action: ['s3:ListBucket', 's3:ListBucketMultipartUploads'], Resource: arn },
  ]
  if (ofKms.length > 0) statements.push({ Effect: 'Allow', Action: ofKms, Resource: 'the ARN of the KMS key' })
  return { Version: '2012-10-17', Statement: statements }
}

function partitionOf(region = ''): string {
  if (region.startsWith('cn-')) return 'aws-cn'
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'
}
