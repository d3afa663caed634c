/**
 * The lifecycle rules that a bucket of uploads is to have, and how they come beside those that are there. Pure.
 * @module
 */
import type { LifecycleRule } from '@aws-sdk/client-s3'
import { UploadError } from '../../errors.js'
import type { Prefixes } from '../keys.js'

const DAY = 86_400_000

/** Ours are known by these, and by nothing else. */
export const RULE_IDS = {
  abort: 'holdfast-abort-unfinished-uploads',
  records: 'holdfast-expire-records',
} as const

export interface RuleOptions {
  /** Milliseconds; S3 counts in whole days, so it is rounded up. */
  abortAfter: number
  /** Milliseconds; undefined: records stay. */
  expireRecordsAfter?: number | undefined
}

const daysOf = (milliseconds: number): number => Math.max(1, Math.ceil(milliseconds / DAY))

/** @throws UploadError ERR_INVALID_OPTIONS if a rule for records would take objects, too */
export function rulesFor(
  { objectPrefix, metadataObjectPrefix }: Prefixes,
  { abortAfter, expireRecordsAfter }: RuleOptions,
): LifecycleRule[] {
  const abort: LifecycleRule = {
    ID: RULE_IDS.abort,
    Status: 'Enabled',
    Filter: { Prefix: objectPrefix },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: daysOf(abortAfter) },
  }
  if (expireRecordsAfter === undefined) return [abort]
  if (objectPrefix.startsWith(metadataObjectPrefix)) {
    const message =
      'expireRecordsAfter: such a rule would remove the objects as well. Records need a prefix of their own (metadataObjectPrefix).'
    throw new UploadError('ERR_INVALID_OPTIONS', { message })
  }
  const expire: LifecycleRule = {
    ID: RULE_IDS.records,
    Status: 'Enabled',
    Filter: { Prefix: metadataObjectPrefix },
    Expiration: { Days: daysOf(expireRecordsAfter) },
  }
  return [abort, expire]
}

export interface Merged {
  /** All that the bucket is to have. */
  rules: LifecycleRule[]
  /** Whether that is anything else than it has. */
  isChanged: boolean
}

/**
 * Rules of others stay as they are, in their order. One of ours takes the place of the one with its ID.
 * S3 refuses rules with a filter beside rules of the older form, which have a prefix: ours then have the older form.
 */
export function merge(present: readonly LifecycleRule[], wanted: readonly LifecycleRule[]): Merged {
  const isOld = present.some((rule) => rule.Filter === undefined && rule.Prefix !== undefined && !isOurs(rule, wanted))
  const ours = wanted.map((rule) => (isOld ? inOldForm(rule) : rule))
  const kept = present.map((rule) => ours.find(({ ID }) => ID === rule.ID) ?? rule)
  const added = ours.filter(({ ID }) => !present.some((rule) => rule.ID === ID))
  const isChanged = added.length > 0 || kept.some((rule, index) => !isSame(rule, present[index]!))
  return { rules: [...kept, ...added], isChanged }
}

const isOurs = (rule: LifecycleRule, wanted: readonly LifecycleRule[]): boolean =>
  wanted.some(({ ID }) => ID === rule.ID)

function inOldForm({ Filter, ...rule }: LifecycleRule): LifecycleRule {
  return { ...rule, Prefix: Filter?.Prefix ?? '' }
}

/** Servers tell a rule in forms of their own, such as with an empty prefix left out; what it does is the same. */
export function isSame(one: LifecycleRule, other: LifecycleRule): boolean {
  return JSON.stringify(meaningOf(one)) === JSON.stringify(meaningOf(other))
}

const meaningOf = (rule: LifecycleRule): unknown => [
  rule.ID,
  rule.Status,
  rule.Filter?.Prefix ?? rule.Prefix ?? '',
  rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
  rule.Expiration?.Days,
]
