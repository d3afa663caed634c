/**
 * The tables of rules held against the tests: which test covers which rule, what is missing, and what a run has shown.
 * @module
 */
import { exceptionOf, LEVELS, type Level, type Rule, type Specification } from '../rules/rule.js'
import type { NamedTest } from './names.js'

export interface Covered {
  rule: Rule
  tests: readonly NamedTest[]
}

export interface Review {
  specification: Specification
  rows: readonly Covered[]
  /** What is wrong with the tables or the names of tests; empty if nothing is. */
  complaints: readonly string[]
}

/** What can be said without a run. */
export function review(specification: Specification, tests: readonly NamedTest[]): Review {
  const { rules } = specification
  const rows = rules.map((rule) => ({ rule, tests: tests.filter(({ ids }) => ids.includes(rule.id)) }))
  const known = new Set(rules.map(({ id }) => id))
  const complaints = [
    ...rules
      .filter(({ id }, index) => rules.findIndex((other) => other.id === id) !== index)
      .map(({ id }) => `${id} is there twice`),
    ...tests.filter(({ ids }) => ids.length === 0).map(({ file, name }) => `${file}: '${name}' names no rule`),
    ...tests.flatMap(({ file, ids }) =>
      ids.filter((id) => !known.has(id)).map((id) => `${file}: there is no rule ${id}`),
    ),
    ...rows.flatMap(complaintOf),
  ]
  return { specification, rows, complaints }
}

function complaintOf({ rule, tests }: Covered): string[] {
  const exception = exceptionOf(rule)
  const wantsTest = exception === undefined || exception === 'broken'
  if (wantsTest && tests.length === 0) return [`${rule.id} has no test`]
  const cannotHave = exception === 'moot' || exception === 'notOurs'
  return cannotHave && tests.length > 0 ? [`${rule.id} is marked '${exception}' and has a test`] : []
}

/** One test as it ran: the names around it, its own, and how it ended. */
export interface Ran {
  path: readonly string[]
  name: string
  ids: readonly string[]
  outcome: 'pass' | 'fail' | 'skip' | 'todo-pass' | 'todo-fail'
}

export const interop = (version: number): string => `interop ${version}`

/** What a run has left unproved, or disproved. */
export function missing({ rows }: Review, ran: readonly Ran[], grounds: readonly string[]): string[] {
  return rows.flatMap(({ rule, tests }) => {
    if (tests.length === 0) return []
    const own = ran.filter(({ ids }) => ids.includes(rule.id))
    if (rule.broken !== undefined) {
      const isKept = own.length > 0 && own.every(({ outcome }) => outcome === 'todo-pass')
      return isKept ? [`${rule.id} is marked 'broken', and kept: take the mark away`] : []
    }
    const passed = own.filter(({ outcome }) => outcome === 'pass')
    return placesOf(rule, grounds)
      .filter((places) => !passed.some(({ path }) => places.every((place) => path.includes(place))))
      .map((places) => `${rule.id} has no passing test on ${places.join(', ')}`)
  })
}

/** Each ground, and there each version, if the rule is one of some versions. */
function placesOf({ on, versions }: Rule, grounds: readonly string[]): string[][] {
  const own = on === undefined ? grounds : grounds.filter((ground) => ground.endsWith(`/${on}`))
  return own.flatMap((ground) => (versions ? versions.map((version) => [ground, interop(version)]) : [[ground]]))
}

export const COLUMNS = ['rules', 'kept', 'otherwise', 'cannot arise', 'broken'] as const

/** Of the rules for servers, by level. */
export function countsOf({ rows }: Review): { level: Level; counts: Record<(typeof COLUMNS)[number], number> }[] {
  return LEVELS.map((level) => {
    const own = rows.filter(({ rule }) => rule.applies === 'server' && rule.level === level)
    const having = (exception: ReturnType<typeof exceptionOf>): number =>
      own.filter(({ rule }) => exceptionOf(rule) === exception).length
    return {
      level,
      counts: {
        rules: own.length,
        kept: having(undefined),
        otherwise: having('decision'),
        'cannot arise': having('moot') + having('notOurs'),
        broken: having('broken'),
      },
    }
  })
}

/** Of the rules for clients: those whose breach is seen here, and the rest. */
export function clientCounts({ rows }: Review): { shown: number; notOurs: number } {
  const own = rows.filter(({ rule }) => rule.applies === 'client')
  const shown = own.filter(({ tests }) => tests.length > 0).length
  return { shown, notOurs: own.length - shown }
}
