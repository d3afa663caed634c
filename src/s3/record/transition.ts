/**
 * The invariants as code (docs/invariants.md). Pure.
 * @module
 */
import { concatOf } from '../../store/file-info.js'
import type { UploadState } from '../../store/info.js'
import { tailLength, type UploadRecord } from './record.js'

const NEXT: Record<UploadState, readonly UploadState[]> = {
  open: ['open', 'completing', 'complete', 'failed'],
  completing: ['completing', 'complete', 'failed'],
  complete: ['complete', 'failed'],
  failed: ['failed'],
}

/**
 * Refuses a commit that would break an invariant. Runs before every compare-and-swap of the record, in production
 * too: a bug then costs a request, never a byte.
 */
export function checkTransition(before: UploadRecord | undefined, after: UploadRecord): void {
  const rule = (holds: boolean, text: string): void => {
    if (!holds) throw new Error(`refusing to commit: ${text}`)
  }
  rule(after.offset === storedBytes(after), 'the offset is the bytes of the parts and the tail, nothing else')
  rule(after.length === undefined || after.offset <= after.length, 'the offset does not pass the length')
  rule(after.parts === 0 || after.uploadId !== undefined, 'parts belong to a multipart upload')
  rule(
    after.etag !== undefined || after.state !== 'complete',
    'a complete upload has an object that was seen in the store',
  )
  rule(
    after.state !== 'completing' || after.uploadId !== undefined || after.etag !== undefined,
    'what is completed has parts or an object',
  )
  rule(
    after.state === 'open' || after.state === 'failed' || after.length === after.offset,
    'only an upload that has all its bytes is completed',
  )
  rule(
    after.state !== 'completing' || after.token !== undefined || after.replaces !== undefined,
    'the object of a completion can be told from another',
  )
  const { joined } = after
  const joins = joined?.kind === 'final'
  rule(!joins || after.state !== 'open' || after.offset === 0, 'a final upload has no bytes before it has all of them')
  rule(!joins || after.tail.length === 0, 'a final upload takes no bytes of a client')
  const slots = after.tail.map(({ slot }) => slot)
  rule(new Set(slots).size === slots.length, 'a slot holds one segment')
  if (!before) return
  rule(after.commit !== before.commit, 'each commit has a nonce of its own')
  rule(after.id === before.id, 'an upload keeps its ID')
  rule(NEXT[before.state].includes(after.state), 'a state is never left for an earlier one')
  rule((after.fence ?? 0) >= (before.fence ?? 0), 'a fencing token never decreases')
  rule(before.deadline === undefined || (after.deadline ?? 0) >= before.deadline, 'a deadline is only put off')
  rule(before.length === undefined || after.length === before.length, 'a declared length stays')
  rule(after.offset >= before.offset, 'an acknowledged offset never goes back')
  rule(before.state === 'open' || after.offset === before.offset, 'a closed upload takes no bytes')
  rule(after.parts >= before.parts && after.partBytes >= before.partBytes, 'a committed part stays committed')
  rule(
    before.uploadId === undefined || after.uploadId === before.uploadId || before.parts === 0,
    'parts stay where they are',
  )
  rule(
    before.uploadId !== after.uploadId || before.fullObject === after.fullObject,
    'what a multipart upload was created for stays',
  )
  rule(
    before.base?.parts === after.base?.parts && before.base?.bytes === after.base?.bytes,
    'what another server stored stays',
  )
  rule(before.parts === 0 || after.partSize === before.partSize, 'the grid of an upload is fixed with its first part')
  rule(isSame(concatOf(before.joined), concatOf(joined)), 'what an upload is to concatenation stays')
  rule(isSame(before.digests, after.digests), 'what the client said of the whole content stays')
  for (const name of ['owner', 'key', 'object', 'maxSize'] as const) {
    rule(isSame(before[name], after[name]), `what its creation fixed stays (${name})`)
  }
  rule(after.moved === undefined || after.etag !== undefined, 'only a complete upload is moved')
  rule(before.moved === undefined || isSame(before.moved, after.moved), 'an upload is moved once')
  const isRelaid = before.uploadId !== undefined && !isSame(layoutOf(before), layoutOf(after))
  rule(!isRelaid || after.uploadId !== before.uploadId, 'the parts of a final upload stay as they were cut')
}

const layoutOf = ({ joined }: UploadRecord): unknown => joined?.layout

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)

/** All bytes of the upload that the store holds under names of the record. */
function storedBytes(record: UploadRecord): number {
  // An upload that fits into one part has neither parts nor a tail in the end: its bytes are the object.
  if (record.etag !== undefined && record.parts === 0) return record.offset
  // Nor do the parts of a final upload keep to a grid: they end where partial uploads end.
  if (record.joined?.kind === 'final') return record.partBytes
  // Parts of another server have the sizes that they have.
  const parts = record.parts - (record.base?.parts ?? 0)
  const partBytes = record.partBytes - (record.base?.bytes ?? 0)
  const onGrid = parts * record.partSize
  const isEmpty = parts === 1 && record.length === 0
  const partsFit = partBytes <= onGrid && (isEmpty || partBytes > onGrid - record.partSize)
  if (parts > 0 && !partsFit) return Number.NaN
  if (parts < 0 || (parts === 0 && partBytes !== 0)) return Number.NaN
  return record.partBytes + tailLength(record.tail)
}
