/**
 * Names of tests, which say what they cover: `[tus-head-offset tus-head-length] HEAD tells …`.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The IDs in front of a test's name; undefined if there are none. */
export function idsOf(name: string): string[] | undefined {
  const ids = /^\[([^\]]+)\] \S/.exec(name)?.[1]
  return ids?.split(' ')
}

/** The name without them. */
export const sentenceOf = (name: string): string => name.replace(/^\[[^\]]+\] /, '')

export interface NamedTest {
  /** Below test-conformance/. */
  file: string
  name: string
  ids: readonly string[]
}

const CALL = /\brule(?:\.raw)?\(\s*(?:'([^'\n]*)'|"([^"\n]*)"|(.))/g

/** The tests of one specification, read from the text of their files: no run is needed to know them. */
export function namedTests(root: string, specification: string): NamedTest[] {
  const folder = join(root, 'test-conformance', specification)
  const files = readdirSync(folder).filter((name) => name.endsWith('.test.ts'))
  return files.sort().flatMap((file) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(CALL)].map(([, single, double]) => {
      const name = single ?? double
      if (name === undefined) throw new Error(`${specification}/${file}: the name of a rule's test is one literal`)
      return { file: `${specification}/${file}`, name, ids: idsOf(name) ?? [] }
    }),
  )
}
