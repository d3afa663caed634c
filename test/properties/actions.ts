/**
 * What clients, nodes and the bucket may do in one run, as values that fast-check makes and shrinks. An action says what
 * to do relative to where the upload stands, so that taking others away leaves it meaningful.
 * @module
 */
import fc from 'fast-check'
import { type Strike, strikes, strikesOfAll } from './strikes.js'

const KiB = 1024
export const NODES = 2
/** Bytes of one part on the grid; the least is a quarter of it. */
export const PART = 4 * KiB

export interface Append {
  kind: 'append'
  /** Which of the run's uploads, counted around. */
  upload: number
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

/** Creates a final upload. */
export interface Join {
  kind: 'join'
  node: number
  /** Which uploads it is to be made of, in this order; some perhaps twice. */
  of: number[]
  /** What else stands in the list, and must not. */
  wrong: 'nothing' | 'unknown' | 'final' | 'elsewhere'
  delay: number
}

/** A request for a final upload; for none, if there is none yet. */
export interface OnFinal {
  kind: 'final'
  /** Which, counted around from the latest. */
  final: number
  node: number
  asks: 'head' | 'read' | 'append' | 'terminate'
  delay: number
}

export type Action =
  | Append
  | { kind: 'head'; upload: number; node: number; delay: number }
  | { kind: 'read'; upload: number; node: number; first: number; last: number; delay: number }
  | { kind: 'terminate'; upload: number; node: number; delay: number }
  | Join
  | OnFinal
  /** Nothing expires here: what clients see must not change by it. */
  | { kind: 'sweep'; node: number; delay: number }
  /** The node forgets all that it remembers; without grace, what it was doing goes on by itself. */
  | { kind: 'restart'; node: number; graceful: boolean; delay: number }

export interface Step {
  /** Two at once, or one. */
  actions: Action[]
  strikes: Strike[]
}

/** An upload that is there from the beginning. */
export interface Creation {
  size: number
  deferred: boolean
  /** The creation carries this much. */
  first: Omit<Append, 'upload' | 'beside' | 'declares'> | undefined
  /** Faults of the creation. */
  strikes: Strike[]
}

export interface Scenario {
  /** Clients may send other bytes; else the variant of an append is not looked at. */
  differs: boolean
  memory: 'little' | 'files' | 'enough'
  /** How nodes are told that the bucket makes parts of objects. */
  copying: 'copies' | 'equal parts' | 'none'
  /** All uploads are partial ones; else there is one alone. */
  isPartial: boolean
  uploads: Creation[]
  steps: Step[]
}

const node = fc.nat(NODES - 1)
const upload = fc.nat(3)
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
  upload,
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

const head: fc.Arbitrary<Action> = fc.record({ kind: fc.constant('head' as const), upload, node, delay })
const read: fc.Arbitrary<Action> = fc.record({
  kind: fc.constant('read' as const),
  upload,
  node,
  first: fc.nat(20 * KiB),
  last: fc.nat(60 * KiB),
  delay,
})
const terminate: fc.Arbitrary<Action> = fc.record({
  kind: fc.constant('terminate' as const),
  upload,
  node,
  delay,
})
const restart: fc.Arbitrary<Action> = fc.record({
  kind: fc.constant('restart' as const),
  node,
  graceful: fc.boolean(),
  delay,
})

const sweep: fc.Arbitrary<Action> = fc.record({ kind: fc.constant('sweep' as const), node, delay })

const join: fc.Arbitrary<Action> = fc.record({
  kind: fc.constant('join' as const),
  node,
  of: fc.array(upload, { minLength: 1, maxLength: 5 }),
  wrong: fc.oneof(
    { weight: 8, arbitrary: fc.constant('nothing' as const) },
    { weight: 1, arbitrary: fc.constantFrom('unknown' as const, 'final' as const, 'elsewhere' as const) },
  ),
  delay,
})
const onFinal: fc.Arbitrary<Action> = fc.record({
  kind: fc.constant('final' as const),
  final: fc.oneof(fc.constant(0), fc.nat(3)),
  node,
  asks: fc.oneof(
    { weight: 5, arbitrary: fc.constant('head' as const) },
    { weight: 2, arbitrary: fc.constant('read' as const) },
    { weight: 1, arbitrary: fc.constant('append' as const) },
    { weight: 1, arbitrary: fc.constant('terminate' as const) },
  ),
  delay,
})

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 14, arbitrary: append },
  { weight: 4, arbitrary: head },
  { weight: 1, arbitrary: read },
  { weight: 1, arbitrary: terminate },
  { weight: 2, arbitrary: restart },
  { weight: 1, arbitrary: sweep },
)
const actionOfSeveral: fc.Arbitrary<Action> = fc.oneof(
  { weight: 10, arbitrary: append },
  { weight: 6, arbitrary: join },
  { weight: 6, arbitrary: onFinal },
  { weight: 2, arbitrary: restart },
  { weight: 2, arbitrary: sweep },
  { weight: 1, arbitrary: head },
  { weight: 1, arbitrary: read },
  { weight: 1, arbitrary: terminate },
)

const stepOf = (one: fc.Arbitrary<Action>, faults: fc.Arbitrary<Strike[]>): fc.Arbitrary<Step> =>
  fc.record({
    actions: fc.oneof(
      { weight: 3, arbitrary: fc.tuple(one).map((alone): Action[] => alone) },
      { weight: 1, arbitrary: fc.tuple(one, one).map((two): Action[] => two) },
    ),
    strikes: faults,
  })

const creationOf = (bytes: fc.Arbitrary<number>, faults: fc.Arbitrary<Strike[]>): fc.Arbitrary<Creation> =>
  fc.record({
    size: bytes,
    deferred: rarely(3),
    first: fc.option(append, { nil: undefined, freq: 1 }),
    strikes: faults,
  })

const common = {
  differs: rarely(3),
  memory: fc.constantFrom('little' as const, 'files' as const, 'enough' as const),
}

const ofOne: fc.Arbitrary<Scenario> = fc.record({
  ...common,
  copying: fc.constant('copies' as const),
  isPartial: fc.constant(false),
  uploads: fc
    .tuple(creationOf(fc.oneof(fc.nat(60 * KiB), fc.integer({ min: 6 * PART, max: 60 * KiB }), size), strikes))
    .map((one): Creation[] => one),
  steps: fc.array(stepOf(action, strikes), { maxLength: 12 }),
})

/** Bytes of a partial upload: too few for a part, just enough, and some of several parts. */
const sizeOfPartial = fc.oneof(
  fc.nat(KiB),
  fc.nat(6 * KiB),
  fc.nat(24 * KiB),
  fc.constantFrom(0, 1, KiB - 1, KiB, KiB + 1, PART, 2 * PART),
)
const rarelyStruck = fc.oneof({ weight: 6, arbitrary: fc.constant<Strike[]>([]) }, { weight: 1, arbitrary: strikes })
const ofSeveral: fc.Arbitrary<Scenario> = fc.record({
  ...common,
  copying: fc.oneof(
    { weight: 3, arbitrary: fc.constant('copies' as const) },
    { weight: 1, arbitrary: fc.constantFrom('equal parts' as const, 'none' as const) },
  ),
  isPartial: fc.constant(true),
  // How creations fail is tried with one upload.
  uploads: fc.array(creationOf(sizeOfPartial, rarelyStruck), { minLength: 1, maxLength: 4 }),
  steps: fc.array(stepOf(actionOfSeveral, strikesOfAll), { maxLength: 12 }),
})

/** @param withStrikes whether there is a bucket that can fail */
export const scenariosOfOne = (withStrikes: boolean): fc.Arbitrary<Scenario> =>
  withStrikes ? ofOne : ofOne.map(withoutStrikes)

/** @param withStrikes as above */
export const scenariosOfConcatenation = (withStrikes: boolean): fc.Arbitrary<Scenario> =>
  withStrikes ? ofSeveral : ofSeveral.map(withoutStrikes)

function withoutStrikes(scenario: Scenario): Scenario {
  return {
    ...scenario,
    uploads: scenario.uploads.map((one) => ({ ...one, strikes: [] })),
    steps: scenario.steps.map(({ actions }) => ({ actions, strikes: [] })),
  }
}
