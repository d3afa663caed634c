/**
 * The record of an upload held against what S3 has: each contradiction in one sentence. Pure.
 * @module
 */
import {
  COMPLETES_WITHIN,
  type Finding,
  type Level,
  ofEvents,
  type Remedy,
  WRITER_MAY_LIVE,
} from '../../store/inspect.js'
import type { ListedPart } from '../call/call.js'
import { ID_MARK, TOKEN_MARK } from '../object-head.js'
import { chainEtag, type UploadRecord } from '../record/record.js'
import { NONCE_BYTES } from '../tail.js'
import type { SeenObject, Sight } from './sight.js'

type Findings = readonly Finding[]

const finding = (code: string, level: Level, text: string, remedy?: Remedy): Finding => ({
  code,
  level,
  text,
  ...(remedy ? { remedy } : {}),
})

export function compare(sight: Sight): Finding[] {
  const { upload, modified, now } = sight
  const events = ofEvents(upload.outbox, modified === undefined ? undefined : now - modified)
  return [...ofRecord(sight), ...BY_STATE[upload.state](sight), ...ofRest(sight), ...events]
}

const BY_STATE: { readonly [State in UploadRecord['state']]: (sight: Sight) => Findings } = {
  open: (sight) => [...ofParts(sight), ...ofTail(sight), ...ofProgress(sight), ...ofEarlyObject(sight)],
  completing: ofCompleting,
  complete: (sight) => ofObject(sight, sight.object),
  failed: ofFailed,
}

function ofRecord({ author, upload, storageKey, keys, moved }: Sight): Findings {
  const findings: Finding[] = []
  if (author !== 'holdfast') {
    const canGoOn = upload.state !== 'failed'
    const what = canGoOn ? 'it is served as it is, and can be written anew' : `it cannot go on: ${upload.failure}`
    const text = `The record was written by ${author}: ${what}.`
    findings.push(finding('foreign', canGoOn ? 'note' : 'wrong', text, canGoOn ? 'adopt' : undefined))
  }
  const isElsewhere = storageKey !== undefined && storageKey !== keys.object && moved === undefined
  if (isElsewhere && author !== '@tus/s3-store') {
    const text = `The record says that the object is ${storageKey}, and with these prefixes it is ${keys.object}.`
    findings.push(finding('other-key', 'wrong', text))
  }
  return findings
}

/** The committed parts against those that S3 lists. */
function ofParts({ upload, parts, author }: Sight): Findings {
  if (parts === undefined) return []
  if (parts === 'gone') return [multipartGone(upload)]
  const findings: Finding[] = []
  const committed = parts.filter(({ partNumber }) => partNumber <= upload.parts)
  const missing = missingOf(upload.parts, committed)
  if (missing.length > 0) {
    const text = `Of ${upload.parts} committed parts S3 does not have ${rangesOf(missing)}.`
    findings.push(finding('part-missing', 'wrong', text))
  } else {
    findings.push(...ofSizes(upload, committed), ...ofChain(upload, committed))
  }
  const beyond = parts.length - committed.length
  if (beyond > 0 && author !== 'holdfast') {
    const text = `${beyond} parts follow a hole: ${author} counted them, and they are sent again here.`
    findings.push(finding('hole', 'wrong', text))
  } else if (beyond > 0) {
    const text = `${beyond} parts after the last committed one are stored, of a writer that is at it or crashed; they are sent again.`
    findings.push(finding('parts-uncommitted', 'note', text))
  }
  return findings
}

const multipartGone = ({ uploadId, parts }: UploadRecord): Finding => {
  const text = `S3 does not know the multipart upload ${uploadId} any more, and with it the ${parts} parts that were committed.`
  return finding('multipart-gone', 'wrong', text, 'settle')
}

function missingOf(count: number, listed: readonly ListedPart[]): number[] {
  const there = new Set(listed.map(({ partNumber }) => partNumber))
  return Array.from({ length: count }, (_, index) => index + 1).filter((number) => !there.has(number))
}

/** 1, 2, 3, 7: '1–3, 7'. */
export function rangesOf(numbers: readonly number[]): string {
  const ranges: [first: number, last: number][] = []
  for (const number of numbers) {
    const last = ranges.at(-1)
    if (last && last[1] === number - 1) last[1] = number
    else ranges.push([number, number])
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(', ')
}

function ofSizes(upload: UploadRecord, parts: readonly ListedPart[]): Findings {
  const onGrid = upload.joined?.kind === 'final' ? [] : parts.slice(upload.base?.parts ?? 0, -1)
  const off = onGrid.filter(({ size }) => size !== upload.partSize)
  if (off.length > 0) {
    const text = `Parts have ${upload.partSize} bytes each, but of part ${off[0]!.partNumber} S3 has ${off[0]!.size}.`
    return [finding('part-other-size', 'wrong', text)]
  }
  const bytes = parts.reduce((sum, { size }) => sum + size, 0)
  if (bytes === upload.partBytes) return []
  const text = `The committed parts have ${upload.partBytes} bytes, and those in S3 ${bytes}.`
  return [finding('part-other-size', 'wrong', text)]
}

function ofChain(upload: UploadRecord, parts: readonly ListedPart[]): Findings {
  // Copies of the same bytes have ETags of their own at some providers, and two nodes may copy.
  if (upload.joined?.kind === 'final') return []
  const digest = parts.reduce((chain, { etag }) => chainEtag(chain, etag), '')
  if (digest === upload.partsDigest) return []
  const text = 'The ETags of the parts are not those that were committed: a part was replaced by other bytes.'
  return [finding('parts-other-etags', 'wrong', text)]
}

function ofTail({ upload, slots }: Sight): Findings {
  return upload.tail.flatMap(({ slot, etag, length, crc32 }): Findings => {
    const seen = slots.find((one) => one.slot === slot)
    if (!seen)
      return [finding('slot-missing', 'wrong', `Slot ${slot}, with ${length} bytes of the tail, is not there.`)]
    // What another server wrote has no nonce after the bytes, nor a checksum.
    const sizes = crc32 === undefined ? [length, length + NONCE_BYTES] : [length + NONCE_BYTES]
    if (!sizes.includes(seen.size)) {
      const text = `Slot ${slot} has ${seen.size} bytes, and should have ${sizes.at(-1)}: ${length} of the tail and a nonce.`
      return [finding('slot-other-length', 'wrong', text)]
    }
    if (unquoted(seen.etag) === unquoted(etag)) return []
    return [finding('slot-other-etag', 'wrong', `Slot ${slot} was replaced: its ETag is ${seen.etag}, not ${etag}.`)]
  })
}

/** What time and clients have to do with it. */
function ofProgress({ upload, now }: Sight): Findings {
  const { length, offset, deadline, expiresAt, joined } = upload
  const findings: Finding[] = []
  const isWhole = length === offset && joined?.kind !== 'final'
  if (isWhole) {
    const text = `All ${offset} bytes are committed, but nobody has made the object of them yet.`
    findings.push(finding('not-finished', 'due', text, 'complete'))
  } else if (deadline !== undefined && now >= deadline) {
    findings.push(finding('expired', 'due', `It expired at ${at(deadline)}; a sweep will end it.`, 'expire'))
  }
  if (joined?.kind === 'final') {
    const text = `It waits for ${joined.partials.length} partial uploads.`
    findings.push(finding('waits', 'note', text, 'complete'))
  }
  if (expiresAt !== undefined && now >= expiresAt && upload.uploadId !== undefined) {
    const text = `The provider may drop its multipart upload since ${at(expiresAt)}.`
    findings.push(finding('may-be-dropped', 'note', text))
  }
  return findings
}

function ofEarlyObject({ upload, object }: Sight): Findings {
  if (!object) return []
  const isOurs = object.metadata[ID_MARK] === upload.id
  const whose = isOurs ? 'of a writer that crashed before its commit' : 'which is not of this upload'
  const text = `An object of ${object.length} bytes is under its key, ${whose}; the completion replaces it.`
  return [finding('object-early', 'note', text)]
}

function ofCompleting(sight: Sight): Findings {
  const { upload, object, parts, modified, now } = sight
  const isDone = object !== undefined && (isMarked(upload, object) ?? object.etag !== upload.replaces)
  const findings: Finding[] = []
  const since = modified === undefined ? 0 : now - modified
  const isLong = since > COMPLETES_WITHIN
  const text = isLong
    ? `It has all its bytes and is completing for ${Math.round(since / 60_000)} minutes: whoever did that has crashed.`
    : 'It has all its bytes, and its object is being made.'
  findings.push(finding('completing', isLong ? 'due' : 'note', text, 'complete'))
  if (upload.uploadId === undefined) return [...findings, ...ofObject(sight, object)]
  if (isDone) return findings
  if (parts === 'gone') {
    const gone = 'S3 knows neither the multipart upload any more nor the object of it: its bytes are lost.'
    return [...findings, finding('multipart-gone', 'wrong', gone, 'complete')]
  }
  return [...findings, ...ofParts(sight)]
}

/** Whether the object carries the marks of this upload; undefined if its multipart upload had none. */
function isMarked({ id, token }: UploadRecord, { metadata }: SeenObject): boolean | undefined {
  return token === undefined ? undefined : metadata[ID_MARK] === id && metadata[TOKEN_MARK] === token
}

function ofObject({ upload, keys, moved }: Sight, object: SeenObject | undefined): Findings {
  if (moved) {
    const text = `The application has moved its object to ${moved.bucket}/${moved.key}, which is not looked at.`
    return [finding('object-moved', 'note', text)]
  }
  const mark = object?.metadata[ID_MARK]
  if (object && upload.key !== undefined && mark !== upload.id) {
    const text = `Its key ${keys.object} was chosen, and has another object now: GET of the upload is 410.`
    return [finding('object-replaced', 'note', text)]
  }
  if (!object) return [finding('object-missing', 'wrong', `The object ${keys.object} is not there.`)]
  const findings: Finding[] = []
  const wrong = (code: string, text: string): void => void findings.push(finding(code, 'wrong', text))
  if (object.length !== upload.offset) {
    wrong('object-other-size', `The object has ${object.length} bytes, and the record says ${upload.offset}.`)
  }
  if (unquoted(object.etag) !== unquoted(upload.etag ?? '')) {
    wrong(
      'object-other-etag',
      `The object was replaced: its ETag is ${object.etag}, and the record says ${upload.etag}.`,
    )
  }
  if (object.crc32 !== undefined && upload.crc32 !== undefined && object.crc32 !== upload.crc32) {
    wrong('object-other-crc32', `By S3 the CRC32 of the object is ${object.crc32}, and by the record ${upload.crc32}.`)
  }
  if (isMarked(upload, object) === false && findings.length === 0) {
    findings.push(
      finding('object-unmarked', 'note', 'The object does not carry the marks of this upload: it was copied.'),
    )
  }
  return findings
}

function ofFailed({ author, upload, object, parts, slots, strays }: Sight): Findings {
  // Of another server's upload nothing is removed.
  if (author !== 'holdfast') return []
  const isOwn = object !== undefined && (upload.key === undefined || object.metadata[ID_MARK] === upload.id)
  const left = [
    ...(isOwn ? ['its object'] : []),
    ...(parts !== undefined && parts !== 'gone' ? ['its multipart upload'] : []),
    ...(slots.length > 0 ? [`${slots.length} slots`] : []),
    ...(strays?.length ? [`${strays.length} other multipart uploads`] : []),
  ]
  const text = `It has failed (${upload.failure}), and this is left of it: ${left.join(', ')}.`
  return left.length === 0 ? [] : [finding('failed-with-bytes', 'due', text, 'tidy')]
}

/** What is there besides. */
function ofRest(sight: Sight): Findings {
  const { upload, slots, strays, author, now, modified } = sight
  if (upload.state === 'failed') return []
  const findings: Finding[] = []
  const hasEnded = upload.state === 'complete'
  const named = new Set(upload.tail.map(({ slot }) => slot))
  const unnamed = hasEnded ? slots : slots.filter(({ slot }) => !named.has(slot))
  const mayBeAtIt = !hasEnded && (modified === undefined || now - modified < WRITER_MAY_LIVE)
  if (unnamed.length > 0) {
    const until = hasEnded ? 'it may be removed' : 'it is used again, and removed in the end'
    const text = `The record does not name what is in slot ${rangesOf(unnamed.map(({ slot }) => slot))}: ${until}.`
    const isDue = hasEnded && author === 'holdfast'
    findings.push(finding('slot-unnamed', isDue ? 'due' : 'note', text, isDue ? 'tidy' : undefined))
  }
  if (strays === undefined) {
    const text = 'Multipart uploads that the record does not name cannot be looked for (s3:ListBucketMultipartUploads).'
    findings.push(finding('strays-unknown', 'note', text))
  } else if (strays.length > 0 && author === 'holdfast') {
    const whose = mayBeAtIt ? 'of a writer that is at it, or crashed' : 'of writers that crashed'
    const text = `The record does not name ${many(strays.length, 'multipart upload')} of its key, ${whose}.`
    const remedy = hasEnded ? 'tidy' : mayBeAtIt ? undefined : 'strays'
    findings.push(finding('stray-multipart', mayBeAtIt ? 'note' : 'due', text, remedy))
  }
  if (upload.leftovers) {
    findings.push(finding('leftovers', 'due', 'Not all that is left of it could be removed yet.', 'tidy'))
  }
  if (hasEnded && upload.crc32 === undefined) {
    findings.push(finding('no-checksum', 'note', 'Its record has no CRC32: another server stored some of its bytes.'))
  }
  return findings
}

const many = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`

const at = (time: number): string => new Date(time).toISOString()

const unquoted = (etag: string): string => etag.replaceAll('"', '')
