/**
 * `holdfast config`: whether `serve` would start with the same options, what they come to and where each is from, and the
 * schema of the configuration file. Nothing is reached over the network, and nothing is written.
 * @module
 */
import { schemaOf } from './config-schema.js'
import { UsageError } from './failure.js'
import { nearest } from './nearest.js'
import { COMMANDS, type CommandName, type Rows, rowsOf } from './options.js'
import {
  type Environment,
  type Flags,
  type Options,
  optionsOf,
  readSettings,
  type Setting,
  variableOf,
} from './read-options.js'
import { printable } from './redact.js'
import { tryOptions } from './serve.js'
import { showValue } from './values.js'

export async function config(action: string | undefined, flags: Flags, environment: Environment): Promise<void> {
  if (action === 'schema') return print(schemaOf())
  const { settings: all, problems } = readSettings('config', flags, environment)
  const asJson = all.find(({ name }) => name === 'json')?.value === true
  const settings = all.filter(({ name }) => name !== 'json')
  if (action === 'check') return check(settings, await troubleWith(settings, problems), environment, asJson)
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
  if (asJson) print(Object.fromEntries(settings.map((setting) => [setting.name, describe(setting)])))
  else process.stdout.write(asYaml(settings))
}

const print = (value: unknown): void => console.log(JSON.stringify(value, undefined, 2))

/** What each option says by itself; and if that is well, what they say together. */
async function troubleWith(settings: readonly Setting[], problems: readonly string[]): Promise<readonly string[]> {
  if (problems.length > 0) return problems
  try {
    await tryOptions(optionsOf(settings) as Options<'serve'>)
    return []
  } catch (error) {
    return (error as Error).message.split('\n')
  }
}

function check(
  settings: readonly Setting[],
  problems: readonly string[],
  environment: Environment,
  asJson: boolean,
): void {
  const given = settings.filter(({ source }) => source !== undefined)
  const unknown = unknownVariables(environment)
  if (asJson) print({ ok: problems.length === 0, problems, unknown, set: given.map(({ name }) => name) })
  else {
    for (const problem of problems) console.error(`holdfast: ${problem}`)
    for (const sentence of unknown) console.error(`note: ${sentence}`)
    if (problems.length === 0) console.log(['ok', ...given.map(line)].join('\n'))
  }
  process.exitCode = problems.length === 0 ? 0 : 2
}

const line = (setting: Setting): string => `  ${setting.name}: ${textOf(setting)}  (${setting.source})`

/** Kubernetes sets these for a Service called holdfast. */
const OF_KUBERNETES = /^HOLDFAST_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_\w+)$/

/** Misspelt variables are nobody's, so nobody would tell. */
function unknownVariables(environment: Environment): string[] {
  const names = (Object.keys(COMMANDS) as CommandName[]).flatMap((command) => Object.keys(rowsOf(command) as Rows))
  const known = new Set(names.map(variableOf))
  return Object.keys(environment).flatMap((variable) => {
    if (!variable.startsWith('HOLDFAST_') || known.has(variable.replace(/_FILE$/, ''))) return []
    if (OF_KUBERNETES.test(variable)) return []
    const name = variable.slice('HOLDFAST_'.length).toLowerCase().replaceAll('_', '-')
    const meant = nearest(name, Object.keys(rowsOf('serve')))
    return meant === undefined ? [] : [`${variable} is no variable of holdfast serve; ${variableOf(meant)} is.`]
  })
}

/** A file that would say the same; what has its default is a comment. */
function asYaml(settings: readonly Setting[]): string {
  const width = Math.max(...settings.map((setting) => entry(setting).length))
  const lines = settings.map(
    (setting) => `${entry(setting).padEnd(Math.min(width, 60))}  # ${setting.source ?? 'default'}`,
  )
  return `${lines.join('\n')}\n`
}

/** Not the value itself where that is a secret: then the line is a comment, too. */
function entry(setting: Setting): string {
  const isGiven = setting.source !== undefined && setting.name !== 'config' && !setting.row.secret
  return `${isGiven ? '' : '# '}${setting.name}: ${setting.texts.length > 0 ? quoted(setting) : ''}`.trimEnd()
}

/** JSON is YAML. A scalar that is read as what it looks like needs no quotes. */
function quoted({ row, texts }: Setting): string {
  const shown = texts.map((text) => printable(row, text))
  const one = (text: string): string => (/^(?!null$)[\w./][\w./:-]*$/i.test(text) ? text : JSON.stringify(text))
  return shown.length === 1 ? one(shown[0]!) : `[${shown.map(one).join(', ')}]`
}

const textOf = ({ row, texts }: Setting): string => texts.map((text) => printable(row, text)).join(', ')

/** Bytes and milliseconds are numbers. */
function describe({ row, value, texts, source }: Setting): object {
  const plain = typeof value === 'number' || typeof value === 'boolean'
  const shown = plain
    ? value
    : texts.length > 1
      ? texts.map((text) => printable(row, text))
      : printable(row, texts[0] ?? '')
  return {
    value: value === undefined ? null : shown,
    ...(plain && row.type !== 'boolean' ? { text: showValue(row.type, value) } : {}),
    source: source ?? 'default',
  }
}
