/**
 * From flags and environment to typed values, by the table: a flag wins over the environment, and that over the default.
 * @module
 */
import { UsageError } from './failure.js'
import { type CommandName, type Row, type Rows, type RowsOf, rowsOf } from './options.js'
import { BadValue, readValue, type ValueTypes } from './values.js'

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

/** 's3-bucket' is HOLDFAST_S3_BUCKET in the environment. */
export const variableOf = (name: string): string => `HOLDFAST_${name.toUpperCase().replaceAll('-', '_')}`

export const camelCase = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())

/**
 * Reads all options of a command.
 * @throws UsageError naming the first option that is wrong
 */
export function readOptions<Name extends CommandName>(
  command: Name,
  flags: Flags,
  environment: Readonly<Record<string, string | undefined>>,
): Options<Name> {
  const rows = rowsOf(command) as Rows
  const values = Object.entries(rows).map(([name, row]) => [camelCase(name), resolve(name, row, flags, environment)])
  return Object.fromEntries(values) as Options<Name>
}

function resolve(
  name: string,
  row: Row,
  flags: Flags,
  environment: Readonly<Record<string, string | undefined>>,
): unknown {
  const given = flags[name]
  if (given) return read(`--${name}`, row, given)
  const variable = environment[variableOf(name)]
  // An empty variable is how Compose files and systemd units leave one out.
  if (variable) return read(variableOf(name), row, [variable])
  return row.default === undefined ? undefined : readValue(row.type, row.default, row)
}

function read(source: string, row: Row, texts: readonly string[]): unknown {
  try {
    const values = texts.map((text) => readValue(row.type, text, row))
    return row.type === 'list' || row.type === 'lines' ? values.flat() : values.at(-1)
  } catch (error) {
    if (!(error instanceof BadValue)) throw error
    throw new UsageError(`${source}: '${texts.join(' ')}' ${error.message}`)
  }
}
