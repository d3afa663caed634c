/**
 * Lifecycle rules of a bucket. They are checked as S3 checks them, kept and answered; nothing is ever expired by them.
 * @module
 */
import { readText } from './body.js'
import { type Answer, type Call, type Context, readRoot } from './call.js'
import { requireDigest } from './deletion.js'
import { S3Error } from './errors.js'
import { childrenOf, textOf, type XmlNode } from './xml.js'

const MAX_RULES = 1_000

/** What a rule can do. */
const ACTIONS = [
  'AbortIncompleteMultipartUpload',
  'Expiration',
  'NoncurrentVersionExpiration',
  'NoncurrentVersionTransition',
  'Transition',
]

export async function putBucketLifecycle({ store }: Context, call: Call): Promise<Answer> {
  store.bucket(call.bucket)
  requireDigest(call.headers)
  const lifecycle = await readText(call)
  checkRules(childrenOf(readRoot(lifecycle, 'LifecycleConfiguration'), 'Rule'))
  await store.withKey(call.bucket, '', () => store.updateBucket({ ...store.bucket(call.bucket).record, lifecycle }))
  return { status: 200 }
}

/** All at once: what is not among them is gone. */
function checkRules(rules: readonly XmlNode[]): void {
  if (rules.length === 0 || rules.length > MAX_RULES) throw new S3Error('MalformedXML')
  const ids = rules.flatMap((rule) => textOf(rule, 'ID') ?? [])
  if (new Set(ids).size < ids.length) {
    throw new S3Error('InvalidArgument', 'Rule ID must be unique. Found same ID for more than one rule')
  }
  const has = (rule: XmlNode, name: string): boolean => childrenOf(rule, name).length > 0
  for (const rule of rules) {
    if (!['Enabled', 'Disabled'].includes(textOf(rule, 'Status') ?? '')) throw new S3Error('MalformedXML')
    if (has(rule, 'Prefix') === has(rule, 'Filter')) throw new S3Error('MalformedXML')
    if (!ACTIONS.some((action) => has(rule, action))) {
      throw new S3Error('InvalidRequest', 'At least one action needs to be specified in a rule.')
    }
    checkDays(rule)
  }
  if (rules.some((rule) => has(rule, 'Filter')) && rules.some((rule) => has(rule, 'Prefix'))) {
    const message = 'Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.'
    throw new S3Error('InvalidRequest', message)
  }
}

function checkDays(rule: XmlNode): void {
  for (const [action, name] of [
    ['AbortIncompleteMultipartUpload', 'DaysAfterInitiation'],
    ['Expiration', 'Days'],
  ] as const) {
    const [node] = childrenOf(rule, action)
    const days = node && textOf(node, name)
    if (days === undefined || /^[1-9]\d*$/.test(days.trim())) continue
    throw new S3Error('InvalidArgument', `'${name}' for ${action} action must be a positive integer`)
  }
}

export async function getBucketLifecycle({ store }: Context, { bucket }: Call): Promise<Answer> {
  const { lifecycle } = store.bucket(bucket).record
  if (lifecycle === undefined) throw new S3Error('NoSuchLifecycleConfiguration')
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: lifecycle }
}

export async function deleteBucketLifecycle({ store }: Context, { bucket }: Call): Promise<Answer> {
  await store.withKey(bucket, '', async () => {
    const { name, created } = store.bucket(bucket).record
    await store.updateBucket({ name, created })
  })
  return { status: 204 }
}
