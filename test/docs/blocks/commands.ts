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
import { type Place, startAndStop } from './place.js'
import { commandsOf, type ShellCommand } from './shell.js'

interface Manifest {
  scripts: Record<string, string>
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
  peerDependencies: Record<string, string>
}

/** What belongs to the shell, or is on every machine: it is run where its block is, and nothing is asked of it else. */
const ORDINARY = new Set(
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

/** Options that want something which is not here: such a command is read, but not run. */
const WANTS: Readonly<Record<string, string>> = {
  'locker-redis': 'a Redis',
  'tls-client-ca': 'a file of the reader',
}

/** Tests need nothing but Node.js; with curl on the machine they show more. */
export const CURL_IS_MISSING = spawnSync('curl', ['--version']).status === 0 ? false : 'curl is not installed here'

export const usesCurl = (block: Block): boolean => /^(\$ )?\s*([\w=$(]*\()?curl /m.test(block.text)

export async function checkShell(block: Block, place: () => Promise<Place>): Promise<void> {
  const commands = commandsOf(block.text)
  assert.notEqual(commands.length, 0, `${placeOf(block)}: there is no command in it`)
  for (const command of commands) await checkCommand(block, command)
  if (commands.some(({ words }) => words[0] === 'curl')) return runScript(block, await place())
  for (const command of commands) await runHoldfast(command, place)
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
function holdfastWords(words: readonly string[]): string[] | undefined {
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
  assert.ok(name in known, `${where}: '${name}' is no dependency of package.json, so no test uses it`)
}

function checkNode(args: readonly string[], where: string): void {
  const file = args.find((argument) => /\.(m?js|ts)$/.test(argument))
  assert.ok(file !== undefined, `${where}: which file does node run?`)
  assertExists(file, where)
}

function assertExists(word: string, where: string): void {
  const [path] = /\b(?:deploy|examples|docs|scripts|test[\w-]*)\/[\w./-]+/.exec(word) ?? []
  if (path) assert.ok(existsSync(join(ROOT, path)), `${where}: there is no ${path}`)
}

/** Runs the block as a whole, with the curl of this machine. */
async function runScript(block: Block, place: Place): Promise<void> {
  const commands = commandsOf(block.text)
  const unknown = commands.find(({ words: [word] }) => word !== undefined && word in ELSEWHERE)
  if (unknown) return
  const expected = block.mark?.kind === 'answers' ? block.mark.status : undefined
  const { code, stdout, stderr } = await place.run('sh', ['-eu', '-c', place.here(block.text)])
  const heads = place.heads()
  assert.equal(code, 0, `${placeOf(block)}: ${stderr || stdout}`)
  const statuses = [...heads.matchAll(/^HTTP\/[\d.]+ (\d{3})/gm)].map(([, status]) => Number(status))
  assert.notEqual(statuses.length, 0, `${placeOf(block)}: curl was not answered`)
  const last = statuses.at(-1)!
  if (expected === undefined) assert.ok(last < 400, `${placeOf(block)}: the answer was ${last}:\n${heads}`)
  else assert.equal(last, expected, placeOf(block))
  const [, location] = /^location: (\S+)/im.exec(heads) ?? []
  if (location) place.created(location)
}

/** Runs a command of ours, if all that it wants is here. */
async function runHoldfast({ words, variables }: ShellCommand, place: () => Promise<Place>): Promise<void> {
  const own = holdfastWords(words)
  if (!own || own.length === 0 || !isRunnable(own, variables)) return
  const at = await place()
  const [command, ...rest] = own.map(at.here)
  for (const name of valuesOf(rest, '--s3-bucket')) await at.createBucket(name)
  const needed = rest.includes('--s3-bucket') ? ['--s3-endpoint', at.bucket.endpoint] : []
  if (command === 'serve' || command === 'dev') {
    const free = [
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      ...(command === 'serve' ? needed : ['--directory', join(at.folder, 'dev')]),
    ]
    return startAndStop(at, [command, ...rest, ...free], variables)
  }
  const { code, stdout, stderr } = await at.run('holdfast', [command!, ...rest, ...needed], variables)
  assert.equal(code, 0, `holdfast ${own.join(' ')}: ${stderr || stdout}`)
}

/** The others take long, or say something about a bucket that is not here; they have tests of their own. */
const RUN = new Set(['serve', 'dev', 'sweep', 'upload'])

function isRunnable(words: readonly string[], variables: Readonly<Record<string, string>>): boolean {
  if (!RUN.has(words[0]!) || [...words, ...Object.values(variables)].some((word) => /[…$]/.test(word))) return false
  const names = [
    ...words.filter((word) => word.startsWith('--')).map((word) => word.slice(2).split('=')[0]!),
    ...Object.keys(variables).map((name) => name.replace('HOLDFAST_', '').toLowerCase().replaceAll('_', '-')),
  ]
  return !names.some((name) => name in WANTS)
}

const valuesOf = (words: readonly string[], flag: string): string[] =>
  words.flatMap((word, at) => (word === flag ? (words[at + 1] ?? []) : []))
