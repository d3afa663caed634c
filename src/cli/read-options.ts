/**
 * From flags, environment and file to typed values, by the table: a flag wins over the environment, that over the file, and
 * that over the default. What is wrong is told all at once.
 * @module
 */
import { readFileSync } from 'node:fs'
import { type Entry, type FileContent, parseConfig } from './config-file.js'
import { UsageError } from './failure.js'
import { type CommandName, type Row, type Rows, type RowsOf, rowsOf } from './options.js'
import { BadValue, isSeveral, readItems, readValue, type ValueTypes } from './values.js'

type CamelCase<Text extends string> = Text extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Text

type ValueOf<Entry> = Entry extends { choices: readonly (infer Choice)[] }
  ? Choice | (Entry extends { default: string } ? never : undefined)
  : Entry extends { type: infer Type extends keyof ValueTypes }
    ? ValueTypes[Type] | (Entry extends { default: string } ? never : undefined)
    : never

/** The options of a command, named as in the table but in camel case. */
export type Options<Name extends CommandName> = {
  readonly [Flag in keyof RowsOf<Name> as CamelCase<Flag & string>]: ValueOf<RowsOf<Name>[Flag]>
}

/** Texts of flags by name, without dashes; several where the flag was given several times. */
export type Flags = Readonly<Record<string, readonly string[] | undefined>>

export type Environment = Readonly<Record<string, string | undefined>>

/** One option as it came out. */
export interface Setting {
  readonly name: string
  readonly row: Row
  /** Undefined if nobody gave it and it has no default. */
  readonly value: unknown
  /** As it was given, or the default; several where it was a list in a file, or a flag was given several times. */
  readonly texts: readonly string[]
  /** '--port', 'HOLDFAST_PORT', 'holdfast.yaml:3'; undefined for the default. */
  readonly source: string | undefined
}

/** 's3-bucket' is HOLDFAST_S3_BUCKET in the environment. */
export const variableOf = (name: string): string => `HOLDFAST_${name.toUpperCase().replaceAll('-', '_')}`

export const camelCase = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())

/**
 * Reads all options of a command.
 * @throws UsageError with a line for each option that is wrong
 */
export function readOptions<Name extends CommandName>(
  command: Name,
  flags: Flags,
  environment: Environment,
): Options<Name> {
  const { settings, problems } = readSettings(command, flags, environment)
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
  return optionsOf(settings) as Options<Name>
}

export const optionsOf = (settings: readonly Setting[]): Record<string, unknown> =>
  Object.fromEntries(settings.map(({ name, value }) => [camelCase(name), value]))

/** As `readOptions`, with where each value comes from. */
export function readSettings(
  command: CommandName,
  flags: Flags,
  environment: Environment,
): { settings: readonly Setting[]; problems: readonly string[] } {
  const rows = rowsOf(command) as Rows
  const problems: string[] = []
  const file = 'config' in rows ? readFile(rows, flags, environment) : NO_FILE
  problems.push(...file.problems)
  const settings = Object.entries(rows).flatMap(([name, row]): Setting[] => {
    try {
      const given = givenFor(name, row, flags, environment, file.entries.get(name))
      if (given) return [{ name, row, ...given }]
      const texts = row.default === undefined ? [] : [row.default]
      return [{ name, row, texts, value: read('', row, texts), source: undefined }]
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      problems.push(error.message)
      return []
    }
  })
  return { settings, problems }
}

const NO_FILE: FileContent = { entries: new Map(), problems: [] }

/** Where a primary tells its workers what the file said when it read it: what is written there now may be for later. */
export const CONFIG_TEXT_VARIABLE = 'HOLDFAST_WORKER_CONFIG'

/** Bytes. A configuration has a few hundred, and must fit into a variable. */
const MAX_CONFIG = 100_000

/** What the file said when it was read last. It may be a pipe, which says it once. */
let lastRead = ''

export const configRead = (): string => lastRead

/** @throws UsageError if it cannot be read */
function configText(path: string, environment: Environment): string {
  const text = environment[CONFIG_TEXT_VARIABLE] ?? readTextFile(path, `the file ${path} cannot be read`)
  if (Buffer.byteLength(text) > MAX_CONFIG) throw new UsageError(`${path}: has more than ${MAX_CONFIG} bytes.`)
  lastRead = text
  return text
}

function readTextFile(path: string, trouble: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${trouble} (${(error as NodeJS.ErrnoException).code}).`, { cause: error })
  }
}

function readFile(rows: Rows, flags: Flags, environment: Environment): FileContent {
  const path = flags.config?.at(-1) ?? environment[variableOf('config')]
  if (!path) return NO_FILE
  // One file serves the server and the tools beside it, which know fewer options.
  const known = new Set([...Object.keys(rows), ...Object.keys(rowsOf('serve'))])
  known.delete('config')
  try {
    return parseConfig(path, configText(path, environment), known, environment)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return { entries: new Map(), problems: [error.message] }
  }
}

type Given = Pick<Setting, 'value' | 'texts' | 'source'>

function givenFor(
  name: string,
  row: Row,
  flags: Flags,
  environment: Environment,
  entry: Entry | undefined,
): Given | undefined {
  const flag = flags[name]
  if (flag) return { texts: flag, value: read(`--${name}`, row, flag), source: `--${name}` }
  const variable = givenByVariable(name, row, environment)
  if (variable) return variable
  if (!entry) return undefined
  const { texts, isList, key, at } = entry
  return { texts, value: read(`${at}: ${key}`, row, texts, isList), source: at }
}

/** @throws UsageError */
function givenByVariable(name: string, row: Row, environment: Environment): Given | undefined {
  const variable = variableOf(name)
  const file = `${variable}_FILE`
  const [text, path] = [environment[variable], environment[file]]
  if (path && name === 'config') throw new UsageError(`${file}: the variable with the name of the file is ${variable}.`)
  // An empty variable is how Compose files and systemd units leave one out.
  if (path && text) throw new UsageError(`${variable} and ${file} are both set; one is enough.`)
  if (path) {
    const texts = [readTextFile(path, `${file}: the file ${path} cannot be read`).replace(/\r?\n$/, '')]
    return { texts, value: read(file, row, texts), source: file }
  }
  // For a Service called holdfast, Kubernetes tells its address to all that run beside it, by this name.
  if (!text || (name === 'port' && text.startsWith('tcp://'))) return undefined
  return { texts: [text], value: read(variable, row, [text]), source: variable }
}

/** @param isList the texts are the items of a list, and not each a text that may hold several */
function read(source: string, row: Row, texts: readonly string[], isList = false): unknown {
  const { type } = row
  try {
    if (isList) return readList(row, texts)
    const values = texts.map((text) => readValue(type, text, row))
    return isSeveral(type) ? (texts.length > 0 ? values.flat() : undefined) : values.at(-1)
  } catch (error) {
    if (!(error instanceof BadValue)) throw error
    throw new UsageError(`${source}: '${texts.join(' ')}' ${error.message}`)
  }
}

function readList({ type }: Row, items: readonly string[]): unknown {
  if (!isSeveral(type)) throw new BadValue('is a list, and must be one value.')
  return readItems(type, items)
}
