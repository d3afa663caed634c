/**
 * Faults of the bucket, as values that fast-check makes and shrinks.
 * @module
 */
import fc from 'fast-check'
import type { Fault } from '../../src/testing/bucket/index.js'

/** A fault of the bucket: it strikes the `nth` request of this kind after the action began, and `times` in a row. */
export interface Strike {
  operation: string
  /** Which of an upload's objects; of operations on parts it is the object. */
  target: 'record' | 'slot' | 'object' | 'finals'
  nth: number
  times: number
  fault: Fault
}

const fault: fc.Arbitrary<Fault> = fc.constantFrom<Fault>(
  { action: 'status', status: 500, code: 'InternalError' },
  { action: 'status', status: 503, code: 'SlowDown' },
  { action: 'status', status: 403, code: 'AccessDenied' },
  { action: 'reset-before' },
  { action: 'reset-after' },
  { action: 'late', ms: 60 },
  { action: 'late', ms: 300 },
  { action: 'delay', ms: 30 },
  { action: 'hang' },
)
/** Of a copy: that the provider makes none. */
const copyFault = fc.oneof(
  { weight: 4, arbitrary: fault },
  { weight: 1, arbitrary: fc.constant<Fault>({ action: 'status', status: 501, code: 'NotImplemented' }) },
)

const KINDS: readonly (readonly [operation: string, target: Strike['target']])[] = [
  ['PutObject', 'record'],
  ['PutObject', 'slot'],
  ['PutObject', 'object'],
  ['GetObject', 'record'],
  ['GetObject', 'slot'],
  ['GetObject', 'object'],
  ['HeadObject', 'object'],
  ['HeadObject', 'slot'],
  ['CreateMultipartUpload', 'object'],
  ['UploadPart', 'object'],
  ['ListParts', 'object'],
  ['CompleteMultipartUpload', 'object'],
  ['AbortMultipartUpload', 'object'],
  ['DeleteObjects', 'record'],
]
const COPIES: typeof KINDS = [
  ['UploadPartCopy', 'object'],
  ['PutObject', 'finals'],
  ['GetObject', 'finals'],
]

const UPLOAD_PART = KINDS.findIndex(([operation]) => operation === 'UploadPart')

const strike: fc.Arbitrary<Strike> = fc
  .record({
    // Commits and parts are what most depends on.
    operation: fc.oneof(fc.nat(KINDS.length - 1), fc.constantFrom(0, UPLOAD_PART, UPLOAD_PART, UPLOAD_PART)),
    nth: fc.integer({ min: 1, max: 4 }),
    times: fc.integer({ min: 1, max: 5 }),
    fault,
  })
  .map(({ operation, ...rest }) => ({ operation: KINDS[operation]![0], target: KINDS[operation]![1], ...rest }))

const strikeOfCopies: fc.Arbitrary<Strike> = fc
  .record({
    operation: fc.oneof(fc.constant(0), fc.nat(COPIES.length - 1)),
    nth: fc.integer({ min: 1, max: 3 }),
    times: fc.integer({ min: 1, max: 5 }),
    fault: copyFault,
  })
  .map(({ operation, ...rest }) => ({ operation: COPIES[operation]![0], target: COPIES[operation]![1], ...rest }))

const some = (one: fc.Arbitrary<Strike>): fc.Arbitrary<Strike[]> =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant<Strike[]>([]) },
    { weight: 2, arbitrary: fc.array(one, { minLength: 1, maxLength: 3 }) },
  )

/** Of what an upload does, and of what a concatenation does besides. */
export const strikes = some(strike)
export const strikesOfAll = some(fc.oneof({ weight: 2, arbitrary: strike }, { weight: 1, arbitrary: strikeOfCopies }))
