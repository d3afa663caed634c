/**
 * `holdfast lifecycle`: the lifecycle rules of the bucket, printed or installed.
 * @module
 */
import { prefixes } from '../s3/keys.js'
import { type Installation, install } from '../s3/lifecycle/install.js'
import { RULE_IDS, rulesFor } from '../s3/lifecycle/rules.js'
import { UsageError } from './failure.js'
import type { Options } from './read-options.js'
import { clientOf, styleOf } from './s3.js'
import { inWords, type Out, print } from './tools.js'

type LifecycleOptions = Options<'lifecycle'>

/** @returns the exit status */
export async function lifecycle(options: LifecycleOptions, out: Out = process.stdout): Promise<number> {
  try {
    const { s3ObjectPrefix, s3MetadataObjectPrefix, abortAfter, expireRecordsAfter } = options
    const wanted = rulesFor(prefixes(s3ObjectPrefix, s3MetadataObjectPrefix), { abortAfter, expireRecordsAfter })
    // As `aws s3api put-bucket-lifecycle-configuration --lifecycle-configuration` takes it.
    if (!options.install) {
      print(out, { Rules: wanted })
      return 0
    }
    const found = await installed(options, wanted)
    if (options.json) print(out, found)
    else out.write(textOf(found, options))
    return 0
  } catch (error) {
    throw inWords(error, 'lifecycle')
  }
}

async function installed(options: LifecycleOptions, wanted: ReturnType<typeof rulesFor>): Promise<Installation> {
  const { s3Bucket, dryRun } = options
  if (s3Bucket === undefined) throw new UsageError('--s3-bucket: which bucket is to have the rules?')
  const client = clientOf(options, styleOf(options).pathStyle)
  try {
    return await install(client, s3Bucket, wanted, { dryRun })
  } finally {
    client.destroy()
  }
}

const OURS: readonly string[] = Object.values(RULE_IDS)

function textOf({ before, rules, isChanged, installed: isInstalled }: Installation, options: LifecycleOptions): string {
  const others = before.filter(({ ID }) => !OURS.includes(ID ?? '')).length
  const beside = others === 0 ? 'no other rules' : others === 1 ? 'one other rule' : `${others} other rules`
  const ours = rules.filter(({ ID }) => OURS.includes(ID ?? ''))
  const lines = ours.map(({ ID, Filter, Prefix, AbortIncompleteMultipartUpload: abort, Expiration }) => {
    const what = abort
      ? `aborts multipart uploads after ${abort.DaysAfterInitiation} days`
      : `removes objects after ${Expiration?.Days} days`
    return `  ${ID}: ${what}, below '${Filter?.Prefix ?? Prefix ?? ''}'`
  })
  const how = !isChanged ? 'has the rules already' : isInstalled ? 'has the rules now' : 'would get the rules'
  return `${[`${options.s3Bucket} ${how}, beside ${beside}:`, ...lines].join('\n')}\n`
}
