#!/usr/bin/env node
/**
 * The command `holdfast`: its flags by commander from the table of options, its commands loaded when they are run. Exits
 * 2 for what the user wrote wrong, 1 for what could not be done.
 * @module
 */
import { readFileSync, realpathSync } from 'node:fs'
import { Argument, Command, CommanderError, Option } from 'commander'
import { PlainError, UsageError } from './failure.js'
import { COMMANDS, type CommandName, type Row, type Rows } from './options.js'
import { camelCase, type Flags, readOptions } from './read-options.js'
import { readSecretFiles } from './secret-files.js'
import { refuseTusdFlags } from './tusd.js'

// The SDK's advice about Node's future is for who builds on it, not for who runs this command.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

const RUN: { readonly [Name in CommandName]: (flags: Flags, files: readonly string[]) => Promise<void> } = {
  async serve(flags) {
    await (await import('./serve.js')).serve(readOptions('serve', flags, process.env))
  },
  async config(flags, [action]) {
    await (await import('./config.js')).config(action, flags, process.env)
  },
  async dev(flags) {
    await (await import('./dev.js')).dev(readOptions('dev', flags, process.env))
  },
  async doctor(flags) {
    await (await import('./doctor.js')).doctor(readOptions('doctor', flags, process.env))
  },
  async sweep(flags) {
    await (await import('./sweep.js')).sweep(readOptions('sweep', flags, process.env))
  },
  async upload(flags, files) {
    const { upload } = await import('./upload.js')
    await upload(files, readOptions('upload', flags, process.env), process.env)
  },
  async ls(flags) {
    process.exitCode = await (await import('./ls.js')).ls(readOptions('ls', flags, process.env))
  },
  async inspect(flags, ids) {
    process.exitCode = await (await import('./inspect.js')).inspect(ids[0]!, readOptions('inspect', flags, process.env))
  },
  async repair(flags, ids) {
    process.exitCode = await (await import('./repair.js')).repair(ids, readOptions('repair', flags, process.env))
  },
  async import(flags) {
    process.exitCode = await (await import('./import.js')).importUploads(readOptions('import', flags, process.env))
  },
  async lifecycle(flags) {
    process.exitCode = await (await import('./lifecycle.js')).lifecycle(readOptions('lifecycle', flags, process.env))
  },
  async verify(flags, ids) {
    process.exitCode = await (await import('./verify.js')).verify(ids, readOptions('verify', flags, process.env))
  },
}

/** What commands take besides options. */
const ARGUMENTS: { readonly [Name in CommandName]?: readonly [argument: string, help: string] } = {
  upload: ['<file...>', 'The files to upload.'],
  inspect: ['<id>', 'The ID of the upload: the end of its URL.'],
  repair: ['[id...]', 'The IDs of uploads; or --all.'],
  verify: ['[id...]', 'The IDs of uploads; or --all.'],
}

function program(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  const root = new Command('holdfast')
    .description('Resumable uploads that never lose an acknowledged byte.')
    .version(version)
    .exitOverride()
    .configureHelp({ showGlobalOptions: false })
    .addHelpText(
      'after',
      '\nEach option has an environment variable too: --s3-bucket is HOLDFAST_S3_BUCKET; and HOLDFAST_S3_BUCKET_FILE names a file with its value.',
    )
  for (const name of Object.keys(COMMANDS) as CommandName[]) addCommand(root, name)
  return root
}

function addCommand(root: Command, name: CommandName): void {
  const { summary, groups } = COMMANDS[name]
  const command = root.command(name).description(summary).exitOverride().allowExcessArguments(false)
  if (name === 'config')
    command.addArgument(new Argument('<action>', 'What to do.').choices(['check', 'print', 'schema']))
  const argument = ARGUMENTS[name]
  if (argument) command.argument(...argument)
  for (const [group, rows] of Object.entries(groups) as [string, Rows][]) {
    for (const [flag, row] of Object.entries(rows)) command.addOption(optionOf(flag, row).helpGroup(`${group}:`))
  }
  command.action(async (first: unknown) => {
    const files = Array.isArray(first) ? (first as string[]) : typeof first === 'string' ? [first] : []
    await RUN[name](flagsOf(command.opts(), groups), files)
  })
}

const PLACEHOLDERS: Readonly<Record<string, string>> = {
  integer: 'number',
  count: 'number|auto',
  lines: 'line',
  string: 'text',
  permissions: 'octal',
  origins: 'list',
}

/** Values stay texts here, so that a flag and a variable are read by the same code. */
function optionOf(name: string, row: Row): Option {
  const isBoolean = row.type === 'boolean'
  const value = isBoolean ? ' [boolean]' : ` <${PLACEHOLDERS[row.type] ?? row.type}>`
  const notes = [row.choices?.join(' or '), !isBoolean && row.default && `default: ${row.default}`].filter(Boolean)
  const option = new Option(`--${name}${value}`, row.help + (notes.length > 0 ? ` (${notes.join('; ')})` : ''))
  option.argParser((text, before: true | string[] | undefined) => [...(Array.isArray(before) ? before : []), text])
  return option
}

/** What commander collected under its own names, by the names of the table. */
function flagsOf(collected: Record<string, unknown>, groups: Readonly<Record<string, Rows>>): Flags {
  const names = Object.values(groups).flatMap((rows) => Object.keys(rows))
  // `--disable-cors` without a value gives true, not a list of texts.
  return Object.fromEntries(
    names.map((name) => {
      const value = collected[camelCase(name)] as true | string[] | undefined
      return [name, value === true ? ['true'] : value]
    }),
  )
}

async function main(): Promise<void> {
  // Whoever reads the answer may have seen enough of it: `holdfast ls | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  try {
    refuseTusdFlags(process.argv.slice(2))
    readSecretFiles(process.env)
    await program().parseAsync()
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2
    } else if (error instanceof UsageError) {
      for (const line of error.message.split('\n')) console.error(`holdfast: ${line}`)
      process.exitCode = 2
    } else {
      console.error(error instanceof PlainError ? `holdfast: ${error.message}` : error)
      process.exitCode = 1
    }
  }
}

/**
 * Reads a command line as it would be run, and runs nothing. Help and version count as right.
 * @param words those after `holdfast`
 * @throws UsageError that says what is wrong
 */
export async function checkCommandLine(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const root = program()
  const silent = { writeOut: () => undefined, writeErr: () => undefined }
  root.configureOutput(silent)
  for (const command of root.commands) {
    const name = command.name() as CommandName
    const check = (): void => void readOptions(name, flagsOf(command.opts(), COMMANDS[name].groups), environment)
    command.configureOutput(silent).action(check)
  }
  try {
    await root.parseAsync(words, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode !== 0) throw new UsageError(error.message)
  }
}

// Nothing is run where this is imported. npm's link to it has another name.
const started = process.argv[1]
if (started !== undefined && realpathSync(started) === import.meta.filename) await main()
