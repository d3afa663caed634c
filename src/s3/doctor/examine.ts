/**
 * The examination of a bucket: all that the store does to one, tried on keys of its own, and removed again.
 * @module
 */
import { isHealthy, optionsFor } from './advice.js'
import { type Contact, connect } from './connection.js'
import { expiry } from './expiry.js'
import { multipartRules } from './multipart-rules.js'
import { objects } from './objects.js'
import { permissions } from './permissions.js'
import type { Group, Report } from './report.js'
import { brief, type ExaminationOptions, Room, refusalOf } from './room.js'
import { speed } from './speed.js'
import { writes } from './writes.js'

/** Never rejects for what the bucket does; only for an abort. */
export async function examine(options: ExaminationOptions): Promise<Report> {
  const room = new Room(options)
  let contact: Contact | undefined
  try {
    contact = await connect(room)
    if (contact) await examineAll(room, contact)
  } finally {
    await room.cleanUp()
  }
  tellLeft(room)
  return reportOf(room, contact)
}

async function examineAll(room: Room, { profile }: Contact): Promise<void> {
  if (profile.facts.writeInterval !== undefined) room.facts.writeInterval = profile.facts.writeInterval
  await permissions(room)
  const canWrite = ['PutObject', 'GetObject'].every((what) => isGood(room, what))
  const canUpload =
    canWrite && ['UploadPart', 'ListParts', 'CompleteMultipartUpload'].every((what) => isGood(room, what))
  if (canWrite) await guarded(room, 'Permissions', () => objects(room))
  if (canWrite) await guarded(room, 'Writes', () => writes(room, profile))
  if (canUpload) await guarded(room, 'Multipart uploads', () => multipartRules(room))
  await guarded(room, 'Expiry', () => expiry(room, profile))
  if (canUpload) await guarded(room, 'Speed', () => speed(room))
}

const isGood = (room: Room, what: string): boolean =>
  room.findings.some((finding) => finding.what.startsWith(what) && finding.status === 'ok')

/** A request that fails where nobody expects it ends its group, not the examination. */
async function guarded(room: Room, group: Group, run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (room.options.signal?.aborted) throw error
    const { message } = refusalOf(error)
    room.find(group, 'The rest', 'failure', brief(refusalOf(error)), `A request failed that should not: ${message}`)
  }
}

function tellLeft(room: Room): void {
  if (room.left.length === 0) return
  room.find('Clean-up', 'What was written', 'warning', `${room.left.length} could not be removed`, room.left.join(', '))
}

function reportOf(room: Room, contact: Contact | undefined): Report {
  const { bucket, endpoint } = room.options
  const { profile, provider } = contact ?? {}
  return {
    bucket,
    endpoint,
    region: contact?.region,
    provider: provider ?? { id: 'other', title: 'not known', by: 'nothing' },
    healthy: isHealthy(room.findings),
    findings: room.findings,
    facts: { ...profile?.facts, ...room.facts },
    missing: { needed: [...room.missing.needed], useful: [...room.missing.useful] },
    options: profile ? optionsFor({ facts: room.facts, profile, probed: room.probed }) : {},
    measures: room.measures,
    left: room.left,
  }
}
