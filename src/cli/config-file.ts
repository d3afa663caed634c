/**
 * The configuration file: options by name, as YAML, and so as JSON too. It becomes the texts that flags and variables are,
 * with the line of each, so that one code reads them all. Nothing in it is run, and nothing outside of it is read.
 * @module
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
} from 'yaml'
import { nearest } from './nearest.js'

/** What a file says about one option. */
export interface Entry {
  /** One text, or those of a list. */
  readonly texts: readonly string[]
  /** The file has a list, so that its texts are not divided any more. */
  readonly isList: boolean
  /** As the file has it: s3.bucket. */
  readonly key: string
  /** The file and the line: holdfast.yaml:3 */
  readonly at: string
}

export interface FileContent {
  readonly entries: ReadonlyMap<string, Entry>
  /** Sentences, each with file and line. */
  readonly problems: readonly string[]
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * @param path for messages
 * @param known names of options
 * @param environment what `${NAME}` stands for
 */
export function parseConfig(
  path: string,
  text: string,
  known: ReadonlySet<string>,
  environment: Environment,
): FileContent {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, version: '1.2' })
  const reading = new Reading(path, lines, known, environment)
  if ('empty' in documents) return reading
  const [document, second] = documents
  for (const error of documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])) {
    reading.problem(error.pos[0], error.message)
  }
  if (reading.problems.length > 0) return reading
  if (second?.range) reading.problem(second.range[0], 'there is a second document; a configuration is one.')
  const { contents } = document!
  if (isMap(contents)) for (const pair of contents.items) reading.pair(pair as Pair<Node>, [])
  else if (contents !== null && !(isScalar(contents) && contents.value === null)) {
    reading.problem(contents.range?.[0], 'a configuration is names and values, such as `port: 1080`.')
  }
  return reading
}

/** In place of a name in a file that is read by a person: 'maxSize' is max-size, too. */
const kebabCase = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

class Reading implements FileContent {
  readonly entries = new Map<string, Entry>()
  readonly problems: string[] = []
  readonly #path: string
  readonly #lines: LineCounter
  readonly #known: ReadonlySet<string>
  readonly #environment: Environment

  constructor(path: string, lines: LineCounter, known: ReadonlySet<string>, environment: Environment) {
    this.#path = path
    this.#lines = lines
    this.#known = known
    this.#environment = environment
  }

  problem(position: number | undefined, sentence: string): void {
    this.problems.push(`${this.#at(position)}: ${sentence}`)
  }

  #at(position = 0): string {
    return `${this.#path}:${this.#lines.linePos(position).line}`
  }

  /** @param above keys of the groups that it is in */
  pair({ key, value }: Pair<Node>, above: readonly string[]): void {
    const position = key.range?.[0]
    if (!isScalar(key)) return void this.problem(position, 'a name is a text.')
    const keys = [...above, String(key.source ?? key.value)]
    const written = keys.join('.')
    // What editors know the file by.
    if (written === '$schema') return
    const name = keys.map(kebabCase).join('-')
    const isGroup = [...this.#known].some((other) => other.startsWith(`${name}-`))
    if (isMap(value)) {
      if (!isGroup) return void this.#unknown(position, written, name)
      for (const pair of value.items) this.pair(pair as Pair<Node>, keys)
    } else if (this.#known.has(name)) this.#entry(name, written, position, value)
    else if (isGroup) this.problem(position, `${written} is a group of options, not one.`)
    else this.#unknown(position, written, name)
  }

  #unknown(position: number | undefined, written: string, name: string): void {
    const meant = nearest(name, this.#known)
    this.problem(position, `${written} is no option${meant ? `; did you mean ${meant}?` : '.'}`)
  }

  #entry(name: string, key: string, position: number | undefined, value: unknown): void {
    const earlier = this.entries.get(name)
    if (earlier) return void this.problem(position, `${key} was given before, at ${earlier.at}.`)
    const items = isSeq(value) ? (value.items as unknown[]) : [value]
    if (!items.every((item) => item === null || isScalar(item))) {
      const what = items.some(isAlias) ? 'an alias' : isSeq(value) ? 'a list of more than texts' : 'of no use'
      return void this.problem(position, `${key} is ${what}; it must be written out.`)
    }
    const texts = items.map((item) => this.#textOf(item as Scalar | null, key, position))
    // An empty value is how a template leaves one out.
    if (texts.includes(undefined)) return
    this.entries.set(name, { texts: texts as string[], isList: isSeq(value), key, at: this.#at(position) })
  }

  /** Numbers as they are written: 0664 is four digits, and 1e3 no integer. @returns undefined if it is absent */
  #textOf(item: Scalar | null, key: string, position: number | undefined): string | undefined {
    if (item === null || item.value === null) return undefined
    const isText = typeof item.value === 'string'
    const text = isText ? (item.value as string) : (item.source ?? String(item.value))
    const expanded = text.replaceAll(REFERENCE, (whole, isPlain: string, variable: string, otherwise?: string) => {
      if (isPlain) return whole.slice(1)
      const found = this.#environment[variable] || otherwise
      if (found === undefined) this.problem(position, `${key}: the variable ${variable} is not set.`)
      return found ?? ''
    })
    const isLeftEmpty = expanded === '' && text !== ''
    return isLeftEmpty ? undefined : expanded
  }
}

/** `${NAME}` or `${NAME:-otherwise}`; `$${NAME}` stands for itself without the first dollar. */
const REFERENCE = /(\$?)\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g
