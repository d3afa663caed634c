/**
 * What the provider or a rule of the bucket removes by itself: unfinished multipart uploads, and records.
 * @module
 */
import { GetBucketLifecycleConfigurationCommand, type LifecycleRule } from '@aws-sdk/client-s3'
import type { Profile } from '../provider/profiles.js'
import { brief, type Room } from './room.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR

export async function expiry(room: Room, profile: Profile): Promise<void> {
  const announced = await announcedExpiry(room)
  const { client, bucket } = room.options
  const asked = await room.ask(client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket })))
  const rules = (asked.output?.Rules ?? []).filter(({ Status }) => Status === 'Enabled')
  const isReadable = asked.output !== undefined || asked.refusal.code === 'NoSuchLifecycleConfiguration'
  const byRule = earliest(rules, room.prefixes.objectPrefix)
  const known = [announced, byRule, profile.facts.multipartExpiry].filter((one) => one !== undefined)
  tellMultiparts(room, known.length > 0 ? Math.min(...known) : undefined, isReadable)
  if (!isReadable) {
    const meaning = 'The server does not need it; the rules of the bucket could not be looked at.'
    room.find('Expiry', 'GetLifecycleConfiguration', 'info', brief(asked.refusal!), meaning)
  }
  tellObjects(room, rules)
}

/** S3 says with each new multipart upload when a rule will abort it. */
async function announcedExpiry(room: Room): Promise<number | undefined> {
  const key = room.key('expiry', 'object')
  const { output } = await room.ask(room.call('createMultipartUpload', { key, contentType: undefined, metadata: {} }))
  return output?.expiresAt === undefined ? undefined : output.expiresAt - Date.now()
}

const prefixOf = (rule: LifecycleRule): string => rule.Filter?.Prefix ?? rule.Filter?.And?.Prefix ?? rule.Prefix ?? ''

/** Milliseconds after which the first rule for these keys aborts multipart uploads. */
function earliest(rules: readonly LifecycleRule[], objectPrefix: string): number | undefined {
  const days = rules
    .filter((rule) => objectPrefix.startsWith(prefixOf(rule)))
    .flatMap(({ AbortIncompleteMultipartUpload: abort }) => abort?.DaysAfterInitiation ?? [])
  return days.length === 0 ? undefined : Math.min(...days) * DAY
}

function tellMultiparts(room: Room, expires: number | undefined, isReadable: boolean): void {
  const what = 'Unfinished multipart uploads'
  if (expires !== undefined) {
    room.facts.multipartExpiry = expires
    const meaning = 'Clients must finish by then: an upload whose parts were dropped is answered 410.'
    room.find('Expiry', what, 'info', `dropped after ${showTime(expires)}`, meaning)
    return
  }
  const found = isReadable ? 'stay until they are aborted' : 'not known'
  const meaning = 'Uploads that nobody finishes cost storage: give the bucket a rule (AbortIncompleteMultipartUpload).'
  room.find('Expiry', what, 'info', found, meaning)
}

/** A rule that expires objects takes records, too, and with them the URLs of uploads. */
function tellObjects(room: Room, rules: readonly LifecycleRule[]): void {
  for (const rule of rules) {
    const days = rule.Expiration?.Days
    const prefix = prefixOf(rule)
    const { metadataObjectPrefix } = room.prefixes
    const overlaps = metadataObjectPrefix.startsWith(prefix) || prefix.startsWith(metadataObjectPrefix)
    if (days === undefined || !overlaps || rule.Filter?.Tag || rule.Filter?.And?.Tags) continue
    const found = `a rule expires what lies below '${prefix}' after ${days} days`
    const meaning = 'An upload that takes longer, or is read later, is lost with its record.'
    room.find('Expiry', 'Records', days < 7 ? 'warning' : 'info', found, meaning)
  }
}

export function showTime(milliseconds: number): string {
  const hours = Math.round(milliseconds / HOUR)
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`
}
