/**
 * What clients, nodes and the bucket may do in one run, as values that fast-check makes and shrinks. An action says what
 * to do relative to where the upload stands, so that taking others away leaves it meaningful.
 * @module
 */
import fc from 'fast-check'
import type { Fault } from '../../src/testing/bucket/index.js'

const KiB = 1024
export const NODES = 2
/** Bytes of one part on the grid; the least is a quarter of it. */
export const PART = 4 * KiB

/** A fault of the bucket: it strikes the `nth` request of this kind after the action began, and `times` in a row. */
export interface Strike {
  operation: string
  /** Which of an upload's objects; of operations on parts it is the object. */
  target: 'record' | 'slot' | 'object'
  nth: number
  times: number
  fault: Fault
}

export interface Append {
  kind: 'append'
  node: number
  /** Which of two contents the client sends. */
  variant: 0 | 1
  /** Bytes by which Upload-Offset is beside the committed offset; mostly none. */
  beside: number
  /** Bytes of the body; what is beyond the length is cut off, unless the client is `excessive`. */
  size: number
  excessive: boolean
  /** Bytes of the writes to the socket, in turn; empty: all in one. */
  chunks: number[]
  saysLength: boolean
  checksum: 'none' | 'right' | 'wrong'
  /** The connection is cut after this share of the body. */
  cut: number | undefined
  /** Sends Upload-Length along, if the upload deferred it. */
  declares: boolean
  /** Milliseconds before it begins, for two at once. */
  delay: number
}

export type Action =
  | Append
  | { kind: 'head'; node: number; delay: number }
  | { kind: 'read'; node: number; first: number; last: number; delay: number }
  | { kind: 'terminate'; node: number; delay: number }
  /** The node forgets all that it remembers; without grace, what it was doing goes on by itself. */
  | { kind: 'restart'; node: number; graceful: boolean; delay: number }

export interface Step {
  /** Two at once, or one. */
  actions: Action[]
  strikes: Strike[]
}

export interface Scenario {
  /** Clients may send other bytes; else the variant of an append is not looked at. */
  differs: boolean
  size: number
  deferred: boolean
  memory: 'little' | 'files' | 'enough'
  /** The creation carries this much. */
  first: Omit<Append, 'beside' | 'declares'> | undefined
  /** Faults of the creation. */
  strikes: Strike[]
  steps: Step[]
}

const node = fc.nat(NODES - 1)
const delay = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(40) })
/** Sizes around the grid, and all others. */
const size = fc.oneof(
  fc.nat(24 * KiB),
  fc.integer({ min: 3 * PART, max: 60 * KiB }),
  fc.nat(2 * KiB),
  fc.constantFrom(0, 1, KiB, PART - 1, PART, PART + 1, 2 * PART, 3 * PART, 60 * KiB),
)
const rarely = (weight: number): fc.Arbitrary<boolean> =>
  fc.oneof({ weight, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) })

const append: fc.Arbitrary<Append> = fc.record({
  kind: fc.constant('append' as const),
  node,
  variant: fc.oneof(
    { weight: 5, arbitrary: fc.constant(0 as const) },
    { weight: 1, arbitrary: fc.constant(1 as const) },
  ),
  beside: fc.oneof(
    { weight: 12, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: -300, max: 300 }) },
  ),
  size,
  excessive: rarely(12),
  chunks: fc.array(fc.integer({ min: 1, max: 9 * KiB }), { maxLength: 4 }),
  saysLength: fc.boolean(),
  checksum: fc.oneof(
    { weight: 6, arbitrary: fc.constant('none' as const) },
    { weight: 2, arbitrary: fc.constant('right' as const) },
    { weight: 1, arbitrary: fc.constant('wrong' as const) },
  ),
  cut: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined, freq: 3 }),
  declares: rarely(2),
  delay,
})

const head: fc.Arbitrary<Action> = fc.record({ kind: fc.constant('head' as const), node, delay })
const read: fc.Arbitrary<Action> = fc.record({
  kind: fc.constant('read' as const),
  node,
  first: fc.nat(20 * KiB),
  last: fc.nat(60 * KiB),
  delay,
})
const terminate: fc.Arbitrary<Action> = fc.record({ kind: fc.constant('terminate' as const), node, delay })
const restart: fc.Arbitrary<Action> = fc.record({
  kind: fc.constant('restart' as const),
  node,
  graceful: fc.boolean(),
  delay,
})

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 14, arbitrary: append },
  { weight: 4, arbitrary: head },
  { weight: 1, arbitrary: read },
  { weight: 1, arbitrary: terminate },
  { weight: 2, arbitrary: restart },
)

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

const strikes = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Strike[]>([]) },
  { weight: 2, arbitrary: fc.array(strike, { minLength: 1, maxLength: 3 }) },
)

const step: fc.Arbitrary<Step> = fc.record({
  actions: fc.oneof(
    { weight: 3, arbitrary: fc.tuple(action).map((one): Action[] => one) },
    { weight: 1, arbitrary: fc.tuple(action, action).map((two): Action[] => two) },
  ),
  strikes,
})

/** @param withStrikes whether there is a bucket that can fail */
export const scenarios = (withStrikes: boolean): fc.Arbitrary<Scenario> =>
  fc
    .record({
      differs: rarely(3),
      size: fc.oneof(fc.nat(60 * KiB), fc.integer({ min: 6 * PART, max: 60 * KiB }), size),
      deferred: rarely(3),
      memory: fc.constantFrom('little' as const, 'files' as const, 'enough' as const),
      first: fc.option(append, { nil: undefined, freq: 1 }),
      strikes,
      steps: fc.array(step, { maxLength: 12 }),
    })
    .map((scenario) => (withStrikes ? scenario : withoutStrikes(scenario)))

const withoutStrikes = (scenario: Scenario): Scenario => ({
  ...scenario,
  strikes: [],
  steps: scenario.steps.map(({ actions }) => ({ actions, strikes: [] })),
})
