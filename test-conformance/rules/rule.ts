/**
 * What a rule of a specification is here: one sentence of the text in our own words, its level, and what became of it.
 * That a rule is kept is said by nothing in these tables: tests say so, whose names begin with its ID.
 * @module
 */

/** As RFC 2119 has them. REQUIRED and SHALL are MUST, RECOMMENDED is SHOULD, OPTIONAL is MAY. */
export const LEVELS = ['MUST', 'MUST NOT', 'SHOULD', 'SHOULD NOT', 'MAY'] as const
export type Level = (typeof LEVELS)[number]

/** What can become of a rule instead of being kept. At most one; a rule with none of them needs a test. */
export type Exception =
  /** Deliberately not done: why. A test may show what is done instead. */
  | 'decision'
  /** Cannot come about in this server, so no test could fail: why. */
  | 'moot'
  /** Binds somebody else (a client, an operator), and nothing of it is seen on the wire. */
  | 'notOurs'
  /** Not kept now: why. Its test runs, is expected to fail, and must be freed of this mark as soon as it passes. */
  | 'broken'

export interface Rule extends Partial<Record<Exception, string>> {
  /** Stable: tests and the document name it. */
  id: string
  level: Level
  section: string
  /** In our own words. */
  rule: string
  /** Whom it binds. A test of a rule for clients shows what the server does when a client breaks it. */
  applies: 'server' | 'client'
  /** Interop versions of the IETF draft that have it; absent: all that are spoken. */
  versions?: readonly number[]
  /** Where it can be kept: with node:http alone, for what a Request and a Response of the web cannot say. Absent: everywhere. */
  on?: 'node'
}

export const EXCEPTIONS = ['decision', 'moot', 'notOurs', 'broken'] as const satisfies readonly Exception[]

export interface Specification {
  /** The folder of its tests, and the prefix of its IDs. */
  name: string
  title: string
  /** Which text, so that a row can be held against it. */
  text: string
  rules: readonly Rule[]
}

/** What the row says in place of "kept". */
export const exceptionOf = (rule: Rule): Exception | undefined =>
  EXCEPTIONS.find((exception) => rule[exception] !== undefined)

type More = Partial<Omit<Rule, 'id' | 'level' | 'section' | 'rule' | 'applies'>>

/** Whom it binds, how much, the ID without its prefix, the rule, and what became of it. */
export type Row = readonly [applies: Rule['applies'], level: Level, id: string, rule: string, more?: More]

/** The rules of one section. */
export const sections =
  (prefix: string) =>
  (section: string, ...rows: readonly Row[]): Rule[] =>
    rows.map(([applies, level, id, rule, more = {}]) => ({
      id: `${prefix}-${id}`,
      level,
      section,
      rule,
      applies,
      ...more,
    }))
