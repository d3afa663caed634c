/**
 * What is asked of the commands that a page tells its readers to type: each program has a rule here.
 * @module
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkCommandLine } from '../../../src/cli/main.js'
import { COMMANDS } from '../../../src/cli/options.js'
import { type Block, placeOf, ROOT } from './block.js'
import { fileThatIncludes } from './excerpt.js'
import type { Place } from './place.js'
import { runHoldfast, runWithCurl } from './run-commands.js'
import { commandsOf, type ShellCommand } from './shell.js'

interface Manifest {
  scripts: Record<string, string>
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
  peerDependencies: Record<string, string>
}

/** What belongs to the shell, or is on every machine: it is run where its block is, and nothing is asked of it else. */
export const ORDINARY = new Set(
  '[ : cat cd chmod cmp command cp cut dd echo exit export false grep head kill ls mkdir mktemp mv printf read rm sed set sha256sum sleep sort tail tee test touch tr trap true truncate unset wait wc xargs'.split(
    ' ',
  ),
)

/** What is not on this machine. The files of the repository that it is given must exist, and what it gives to holdfast is checked. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  aws: "AWS's own command, with an account there",
  caddy: 'a proxy; npm run test:deploy starts it',
  docker: 'no Docker here; what is in deploy/ is checked by npm run test:deploy',
  git: 'a clone of the repository, which needs the network; npm run five-minutes makes one',
  grpcurl: 'a client for gRPC',
  haproxy: 'a proxy; npm run test:proxies starts it',
  helm: 'wants a cluster of Kubernetes',
  journalctl: 'wants systemd',
  jq: 'reads JSON, and is not on every machine',
  kubectl: 'wants a cluster of Kubernetes',
  logrotate: 'wants root',
  nginx: 'a proxy; npm run test:proxies starts it',
  prometheus: 'a server of its own',
  promtool: 'comes with Prometheus',
  'redis-cli': 'wants a Redis; npm run test:redis starts one',
  rclone: 'wants an account of a provider',
  sudo: 'wants root',
  systemctl: 'wants systemd',
  tusd: 'the peer; npm run test:peers starts it',
}

/** Tests need nothing but Node.js; with curl on the machine they show more. */
export const CURL_IS_MISSING = spawnSync('curl', ['--version']).status === 0 ? false : 'curl is not installed here'

export const usesCurl = (block: Block): boolean => /^(\$ )?\s*([\w=$(]*\()?curl /m.test(block.text)

export async function checkShell(block: Block, place: () => Promise<Place>): Promise<void> {
  const commands = commandsOf(block.text)
  assert.notEqual(commands.length, 0, `${placeOf(block)}: there is no command in it`)
  for (const command of commands) await checkCommand(block, command)
  // A file for something else to run.
  if (block.text.startsWith('#!')) return checkSyntax(block)
  if (!usesCurl(block)) {
    for (const command of commands) await runHoldfast(command, place)
  } else if (!commands.some(({ words: [program] }) => program !== undefined && program in ELSEWHERE)) {
    await runWithCurl(block, commands, await place())
  }
}

function checkSyntax(block: Block): void {
  const { status, stderr } = spawnSync('sh', ['-n'], { input: block.text, encoding: 'utf8' })
  assert.equal(status, 0, `${placeOf(block)}: ${stderr}`)
}

async function checkCommand(block: Block, { line, words, variables }: ShellCommand): Promise<void> {
  const [program, ...args] = words
  const where = `${block.page}:${block.line + line}`
  if (program === undefined || ORDINARY.has(program)) return
  const own = holdfastWords(words)
  if (own) {
    const given = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, filled(value)]))
    const environment = { ...CONFIGURED, ...given }
    await checkCommandLine(own.map(filled).map(configured), environment).catch((error: Error) =>
      assert.fail(`${where}: ${error.message}`),
    )
  } else if (program === 'npm') checkNpm(args, where)
  else if (program === 'npx') checkDependency(args[0] ?? '', where)
  else if (program === 'node') checkNode(args, where)
  else if (program !== 'curl') {
    assert.ok(program in ELSEWHERE, `${where}: no rule for '${program}': add one to test/docs/blocks/commands.ts`)
    for (const word of words) assertExists(word, where)
    const inner = words.findIndex((word, at) => word in COMMANDS && /holdfast(:[\w.-]+)?$/.test(words[at - 1] ?? ''))
    if (inner > 0) await checkCommandLine(words.slice(inner).map(filled), {})
  }
}

/** Words after `holdfast`, `npx holdfast` or `node dist/cli/main.js`; undefined if it is something else. */
export function holdfastWords(words: readonly string[]): string[] | undefined {
  const [first, second, ...rest] = words
  if (first === 'holdfast') return words.slice(1)
  if (first === 'npx' && second === 'holdfast') return rest
  if (first === 'node' && second === 'dist/cli/main.js') return rest
  return undefined
}

/** A configuration file of a page is that of examples/, which names these. */
const configured = (word: string): string => (word === 'holdfast.yaml' ? join(ROOT, 'examples', word) : word)
const CONFIGURED = { S3_BUCKET: 'media' }

/** A configuration file of ours, whole: it is read as `holdfast serve --config` reads it. */
export async function checkConfig(block: Block, place: Place): Promise<void> {
  const path = join(place.folder, 'block.yaml')
  writeFileSync(path, place.here(block.text))
  await checkCommandLine(['serve', '--config', path], CONFIGURED).catch((error: Error) =>
    assert.fail(`${placeOf(block)}: ${error.message}`),
  )
}

/** What a reader puts in: a variable of the shell, or an ellipsis. */
const filled = (word: string): string => word.replaceAll(/\$\{?\w+\}?|\$\([^)]*\)|…/g, '1')

function manifest(): Manifest {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest
}

function checkNpm([verb, ...args]: readonly string[], where: string): void {
  const { scripts } = manifest()
  if (verb === 'run') assert.ok(args[0]! in scripts, `${where}: there is no script '${args[0]}'`)
  else if (verb === 'start' || verb === 'test') assert.ok(verb in scripts)
  else if (verb === 'install' || verb === 'i') {
    const names = args.filter((argument) => !argument.startsWith('-'))
    for (const name of names) checkDependency(name, where)
  } else assert.ok(['ci', 'pack', 'init'].includes(verb ?? ''), `${where}: no rule for 'npm ${verb}'`)
}

function checkDependency(word: string, where: string): void {
  const name = word.replace(/(?<=.)@[^/]*$/, '')
  const { dependencies, devDependencies, peerDependencies } = manifest()
  const known = { ...dependencies, ...devDependencies, ...peerDependencies, holdfast: '' }
  assert.ok(name in known || isNamedInSource(name), `${where}: '${name}' is no dependency, and src/ does not load it`)
}

/** What is loaded where it is installed, and is no dependency. */
const isNamedInSource = (name: string): boolean => fileThatIncludes('src', `'${name}'`) !== undefined

function checkNode(args: readonly string[], where: string): void {
  const file = args.find((argument) => /\.(m?js|ts)$/.test(argument))
  assert.ok(file !== undefined, `${where}: which file does node run?`)
  assertExists(file, where)
}

function assertExists(word: string, where: string): void {
  const [path] = /\b(?:deploy|examples|docs|scripts|test[\w-]*)\/[\w./-]+/.exec(word) ?? []
  if (path) assert.ok(existsSync(join(ROOT, path)), `${where}: there is no ${path}`)
}
