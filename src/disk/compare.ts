/**
 * The record of an upload held against the files that are there: each contradiction in one sentence. Pure.
 * @module
 */
import { COMPLETES_WITHIN, type Finding, type Level, ofEvents, type Remedy } from '../store/inspect.js'
import type { DiskRecord } from './record.js'

export interface DiskSight {
  /** Milliseconds since the epoch: when it was looked at. */
  now: number
  record: DiskRecord
  /** tusd wrote it, and nothing was committed here yet. */
  isForeign: boolean
  /** Milliseconds since the epoch: when the record was committed. */
  modified: number | undefined
  /** Bytes of the data file; undefined if there is none. */
  size: number | undefined
  /** Somebody has its lock, or died with it. */
  isLocked: boolean
  /** Of a partial upload: the final ones that wait for it. */
  finals: readonly string[]
}

type Findings = readonly Finding[]

const finding = (code: string, level: Level, text: string, remedy?: Remedy): Finding => ({
  code,
  level,
  text,
  ...(remedy ? { remedy } : {}),
})

export function compare(sight: DiskSight): Finding[] {
  const { record, isForeign, isLocked } = sight
  const findings: Finding[] = []
  if (isForeign) {
    findings.push(finding('foreign', 'note', 'The record was written by tusd: it is served as it is.', 'adopt'))
  }
  if (record.state === 'failed') findings.push(...ofFailed(sight))
  else findings.push(...ofData(sight), ...ofProgress(sight))
  findings.push(...ofEvents(record.outbox, sight.modified === undefined ? undefined : sight.now - sight.modified))
  if (isLocked) findings.push(finding('locked', 'note', 'A lock file is there: of a writer, or of one that has died.'))
  if (record.state === 'complete' && record.crc32 === undefined) {
    findings.push(finding('no-checksum', 'note', 'Its record has no CRC32: another server stored some of its bytes.'))
  }
  return findings
}

/** What the record names must be in the file. An upload that is being joined has its bytes elsewhere until then. */
function ofData({ record, size }: DiskSight): Findings {
  const { offset, state } = record
  const isLost = state === 'open' ? 'settle' : undefined
  if (size === undefined) {
    if (state === 'open' && offset === 0) return []
    return [finding('data-missing', 'wrong', `Its file is not there, and with it ${offset} committed bytes.`, isLost)]
  }
  if (size < offset) {
    return [finding('data-short', 'wrong', `Its file has ${size} bytes, and ${offset} are committed.`, isLost)]
  }
  if (size === offset) return []
  const text = `Its file has ${size} bytes, and ${offset} are committed`
  if (state === 'complete') return [finding('data-other-size', 'wrong', `${text}: it was changed since.`)]
  return [finding('data-uncommitted', 'note', `${text}; the others are of a writer that is at it, or crashed.`)]
}

function ofProgress({ record, now, modified }: DiskSight): Findings {
  const { state, length, offset, joined, deadline } = record
  if (state === 'completing') {
    const isLong = modified !== undefined && now - modified > COMPLETES_WITHIN
    return [finding('completing', isLong ? 'due' : 'note', 'It has all its bytes, and is to be finished.', 'complete')]
  }
  if (state !== 'open') return []
  if (joined?.kind === 'final') {
    return [finding('waits', 'note', `It waits for ${joined.partials.length} partial uploads.`, 'complete')]
  }
  if (length === offset) {
    const text = `All ${offset} bytes are committed, but nobody has finished it yet.`
    return [finding('not-finished', 'due', text, 'complete')]
  }
  if (deadline === undefined || now < deadline) return []
  const when = new Date(deadline).toISOString()
  return [finding('expired', 'due', `It expired at ${when}; a sweep will end it.`, 'expire')]
}

function ofFailed({ record, size }: DiskSight): Findings {
  if (size === undefined) return []
  const text = `It has failed (${record.failure}), and its file of ${size} bytes is still there.`
  return [finding('failed-with-bytes', 'due', text, 'tidy')]
}
