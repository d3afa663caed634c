/**
 * A command in the process of the test: much quicker than one of its own.
 * @module
 */
import { importUploads } from '../../src/cli/import.js'
import { inspect } from '../../src/cli/inspect.js'
import { lifecycle } from '../../src/cli/lifecycle.js'
import { ls } from '../../src/cli/ls.js'
import type { CommandName } from '../../src/cli/options.js'
import { type Flags, type Options, readOptions } from '../../src/cli/read-options.js'
import { repair } from '../../src/cli/repair.js'
import type { Out } from '../../src/cli/tools.js'
import { verify } from '../../src/cli/verify.js'
import type { OpenBucket } from '../support/bucket.js'

type Run<Name extends CommandName> = (ids: readonly string[], options: Options<Name>, out: Out) => Promise<number>

const COMMANDS = {
  ls: (_: readonly string[], options: Options<'ls'>, out: Out) => ls(options, out),
  inspect: ([id]: readonly string[], options: Options<'inspect'>, out: Out) => inspect(id!, options, out),
  verify,
  repair,
  lifecycle: (_: readonly string[], options: Options<'lifecycle'>, out: Out) => lifecycle(options, out),
  import: (_: readonly string[], options: Options<'import'>, out: Out) => importUploads(options, out),
} satisfies { readonly [Name in CommandName]?: Run<Name> }

export interface Done {
  code: number
  text: string
  /** Of JSON lines. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  lines(): any[]
  /** Of one document. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  json(): any
}

/** @param args as on the command line: `--flag value`, `--flag` before another flag, and IDs */
export async function runHere(name: keyof typeof COMMANDS, ...args: string[]): Promise<Done> {
  const { flags, ids } = parsed(args)
  let text = ''
  const out = { write: (more: string) => (text += more) }
  // biome-ignore lint/suspicious/noExplicitAny: each has the options of its own name
  const code = await (COMMANDS[name] as Run<any>)(ids, readOptions(name, flags, {}), out)
  return {
    code,
    text,
    lines() {
      return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
    },
    json() {
      return JSON.parse(text)
    },
  }
}

function parsed(args: readonly string[]): { flags: Flags; ids: string[] } {
  const flags: Record<string, string[]> = {}
  const ids: string[] = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!
    if (!arg.startsWith('--')) ids.push(arg)
    else {
      const hasValue = at + 1 < args.length && !args[at + 1]!.startsWith('--') && !SWITCHES.has(arg)
      flags[arg.slice(2)] = [hasValue ? args[++at]! : 'true']
    }
  }
  return { flags, ids }
}

/** They take no value. */
const SWITCHES = new Set(['--json', '--all', '--quick', '--dry-run', '--verify', '--install', '--end-unfinished'])

/** The flags for a bucket; its credentials are put where the SDK finds them. */
export function flagsFor({ bucket }: OpenBucket, name: string): string[] {
  process.env.AWS_ACCESS_KEY_ID = bucket.credentials.accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = bucket.credentials.secretAccessKey
  process.env.AWS_EC2_METADATA_DISABLED = 'true'
  return ['--s3-bucket', name, '--s3-endpoint', bucket.endpoint]
}
