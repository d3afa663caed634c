/**
 * What the commits of the store rest on: conditions that hold, at once with their write, checksums that are verified, and
 * reads that see the last write.
 * @module
 */
import { createHash } from 'node:crypto'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import type { Operations } from '../call/call.js'
import { S3Fault } from '../call/faults.js'
import { type ProbeResult, probeProvider } from '../provider/probe.js'
import type { Profile } from '../provider/profiles.js'
import { FULL_OBJECT } from '../provider/whole.js'
import { freshPayload } from './payload.js'
import { readAfterWrite, readDuringWrite } from './reads.js'
import { brief, type Room, refusalOf } from './room.js'

/** Writers of one race. */
const WRITERS = 8
/** Milliseconds after which no further round of a race begins. */
const LONGEST = 10_000

export const WITHOUT_CONDITIONS =
  'Writers of one upload are kept apart by a locker, or by there being one process only (docs/locking.md).'

export async function writes(room: Room, profile: Profile): Promise<void> {
  const probed = await probe(room)
  if (probed === undefined) return
  room.probed = probed.found.conditionalWrites
  tellConditions(room, probed, profile)
  if (room.facts.conditionalWrites !== 'none') {
    await race(room, 'Creates at once', (etag) => ({ ifAbsent: etag === undefined }))
    await race(room, 'Replacements at once', (etag) => (etag === undefined ? {} : { ifMatch: formed(room, etag) }))
    await resurrection(room)
  }
  await checksums(room, probed)
  wholeChecksums(room, probed)
  await readAfterWrite(room)
  if (room.facts.conditionalWrites !== undefined) await readDuringWrite(room)
}

async function probe(room: Room): Promise<ProbeResult | undefined> {
  const { metadataObjectPrefix: prefix } = room.prefixes
  try {
    return await probeProvider(room.raw, { prefix, signal: room.options.signal })
  } catch (error) {
    if (!(error instanceof S3Fault)) throw error
    const meaning = 'Try again: without a clear answer nothing can be said of the writes.'
    room.find('Writes', 'Conditional writes', 'failure', brief(refusalOf(error)), meaning)
    return undefined
  }
}

function tellConditions(room: Room, { found, notes }: ProbeResult, { facts, title }: Profile): void {
  const { conditionalWrites } = found
  const what = 'Conditional create and replace'
  if (conditionalWrites === undefined) {
    room.find('Writes', what, 'skipped', 'needs PutObject')
    return
  }
  room.facts.conditionalWrites = conditionalWrites
  if (conditionalWrites === 'none') {
    const reason = notes.find((note) => note.startsWith('If-')) ?? 'no'
    room.find('Writes', what, 'warning', reason, WITHOUT_CONDITIONS)
    return
  }
  room.find('Writes', what, 'ok', conditionalWrites === 'quoted' ? 'yes' : 'yes, for ETags without quotes')
  if (facts.conditionalWrites !== 'none') return
  // Known from its code: a race that it passes here says nothing.
  room.facts.conditionalWrites = 'none'
  room.find('Writes', 'Condition and write in one step', 'warning', `not with ${title}`, WITHOUT_CONDITIONS)
}

const formed = (room: Room, etag: string): string =>
  room.facts.conditionalWrites === 'unquoted' ? etag.replaceAll('"', '') : etag

type Condition = Pick<Operations['putObject'][0], 'ifAbsent' | 'ifMatch'>

/** Many writers with one condition: one of them must win, and the object must be what it wrote. */
async function race(room: Room, what: string, conditionFor: (etag: string | undefined) => Condition): Promise<void> {
  // A server whose conditions come late is often lucky. Where a key takes one write a second, all but one are refused.
  const rounds = room.options.quick || room.facts.writeInterval ? 2 : 30
  const until = Date.now() + LONGEST
  let most = 0
  let least = WRITERS
  let round = 0
  while (round < rounds && most <= 1 && Date.now() < until) {
    round++
    const key = room.key(`race-${what.split(' ', 1)[0]!.toLowerCase()}-${round}`)
    const isCreate = conditionFor(undefined).ifAbsent === true
    const etag = isCreate ? undefined : (await room.call('putObject', put(key))).etag
    const writers = Array.from({ length: WRITERS }, () => room.raw('putObject', { ...put(key), ...conditionFor(etag) }))
    const winners = (await Promise.allSettled(writers)).filter(({ status }) => status === 'fulfilled').length
    most = Math.max(most, winners)
    least = Math.min(least, winners)
  }
  const found = `${round === 1 ? 'once' : `${round} times`} ${WRITERS} writers: ${most === least ? most : `${least} to ${most}`} won each`
  if (most === 1 && least === 1) return room.find('Writes', what, 'ok', found)
  if (most <= 1) {
    const meaning = 'Nobody won at least once: commits will be tried again, and may be slow.'
    return room.find('Writes', what, 'warning', found, meaning)
  }
  room.facts.conditionalWrites = 'none'
  room.find(
    'Writes',
    what,
    'warning',
    found,
    `Conditions are tested, but not at once with the write. ${WITHOUT_CONDITIONS}`,
  )
}

const put = (key: string): Operations['putObject'][0] => ({ key, body: freshPayload(), data: false })

/** A late commit must not bring back the record of an upload that was removed. */
async function resurrection(room: Room): Promise<void> {
  const key = room.key('removed')
  const { etag } = await room.call('putObject', put(key))
  const removed = await room.ask(room.call('deleteObjects', { keys: [key] }))
  if (removed.refusal) return
  const late = await room.ask(room.raw('putObject', { ...put(key), ifMatch: formed(room, etag) }))
  const what = 'Replacing a removed object'
  if (late.refusal) return room.find('Writes', what, 'ok', `refused: ${brief(late.refusal)}`)
  const meaning = 'A commit that comes late can bring back the record of an upload that was removed.'
  room.find('Writes', what, 'warning', 'not refused', meaning)
}

async function checksums(room: Room, { found, notes }: ProbeResult): Promise<void> {
  if (found.checksums === undefined) return
  room.facts.checksums = found.checksums
  const isIgnored = notes.some((note) => /^x-amz-checksum-crc32 .*not verified/.test(note))
  const md5 = await wrongMd5(room)
  const guard = md5 ? 'Content-MD5 guards the bytes instead.' : 'Nothing guards the bytes on their way but TCP and TLS.'
  if (found.checksums && !isIgnored) room.find('Writes', 'CRC32 of the bytes', 'ok', 'verified')
  else if (found.checksums) {
    const meaning = 'Bytes that change on their way are not found out by the service: use https.'
    room.find('Writes', 'CRC32 of the bytes', 'warning', 'taken, but not verified', meaning)
  } else room.find('Writes', 'CRC32 of the bytes', md5 ? 'info' : 'warning', 'refused', guard)
  room.find('Writes', 'Content-MD5 of the bytes', md5 ? 'ok' : 'info', md5 ? 'verified' : 'not verified')
}

const OF_THE_WHOLE = { all: 'verified', sent: 'verified, unless parts are copied' }

function wholeChecksums(room: Room, { found: { fullObjectChecksums }, notes }: ProbeResult): void {
  if (fullObjectChecksums === undefined) return
  room.facts.fullObjectChecksums = fullObjectChecksums
  const what = 'CRC32 of a whole upload'
  const reason = notes.find((note) => note.startsWith(FULL_OBJECT))?.slice(`${FULL_OBJECT} is `.length) ?? 'no'
  const meaning = 'S3 verifies each part as it comes, and the object no more when it is completed.'
  if (fullObjectChecksums === 'none') room.find('Writes', what, 'info', reason, meaning)
  else room.find('Writes', what, 'ok', OF_THE_WHOLE[fullObjectChecksums])
}

async function wrongMd5(room: Room): Promise<boolean> {
  const { client, bucket } = room.options
  const Key = room.key('md5')
  room.remove(Key)
  const ContentMD5 = createHash('md5').update('other bytes').digest('base64')
  const { output } = await room.ask(
    client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'bytes', ContentMD5 })),
  )
  return output === undefined
}
