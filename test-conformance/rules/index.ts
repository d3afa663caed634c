/** All specifications, and their rules by ID. @module */

import { RUFH } from './rufh.js'
import type { Rule, Specification } from './rule.js'
import { TUS1 } from './tus1.js'

export const SPECIFICATIONS: readonly Specification[] = [TUS1, RUFH]

export const RULES: ReadonlyMap<string, Rule> = new Map(
  SPECIFICATIONS.flatMap(({ rules }) => rules).map((rule) => [rule.id, rule]),
)
