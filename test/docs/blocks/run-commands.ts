/**
 * Commands of a page that can be run here are run: those of holdfast, and scripts with curl.
 * @module
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type Block, placeOf } from './block.js'
import { holdfastWords, ORDINARY } from './commands.js'
import { type Place, whileServing } from './place.js'
import type { ShellCommand } from './shell.js'

/** Options that want something which is not here: such a command is read, but not run. */
const WANTS: Readonly<Record<string, string>> = {
  'locker-redis': 'a Redis',
  otel: 'the SDK of OpenTelemetry, which is no dependency',
  'tls-client-ca': 'a file of the reader',
}

/** The others take long, or say something about a bucket that is not here; they have tests of their own. */
const RUN = new Set(['serve', 'dev', 'sweep', 'upload'])

/** Runs a command of ours, if all that it wants is here. */
export async function runHoldfast({ words, variables }: ShellCommand, place: () => Promise<Place>): Promise<void> {
  const own = holdfastWords(words)
  if (!own || !isRunnable(own, variables)) return
  const at = await place()
  const [command, ...rest] = await wordsHere(own, at, await portsHere(own))
  if (isServer(command)) return whileServing(at, [command!, ...rest], variables, async () => undefined)
  const { code, stdout, stderr } = await at.run('holdfast', [command!, ...rest], variables)
  assert.equal(code, 0, `holdfast ${own.join(' ')}: ${stderr || stdout}`)
}

const isServer = (command: string | undefined): boolean => command === 'serve' || command === 'dev'

function isRunnable(words: readonly string[], variables: Readonly<Record<string, string>>): boolean {
  if (!RUN.has(words[0] ?? '') || [...words, ...Object.values(variables)].some((word) => /[…$]/.test(word)))
    return false
  const names = [
    ...words.filter((word) => word.startsWith('--')).map((word) => word.slice(2).split('=')[0]!),
    ...Object.keys(variables).map((name) => name.replace('HOLDFAST_', '').toLowerCase().replaceAll('_', '-')),
  ]
  return !names.some((name) => name in WANTS)
}

/** The ports that a command is told are others here, for it and for who asks it. */
async function portsHere(words: readonly string[]): Promise<Map<string, string>> {
  const ports = new Map<string, string>()
  for (const word of words) if (/^\d{4,5}$/.test(word)) ports.set(word, await freePort())
  return ports
}

/** A command of ours for this machine, and with the bucket of this place. */
async function wordsHere(own: readonly string[], place: Place, ports: ReadonlyMap<string, string>): Promise<string[]> {
  const [command, ...rest] = own.map((word) => ports.get(word) ?? place.here(word))
  for (const name of valuesOf(rest, '--s3-bucket')) await place.createBucket(name)
  const after = rest.includes('--s3-bucket') ? ['--s3-endpoint', place.bucket.endpoint] : []
  if (command === 'dev') after.push('--directory', join(place.folder, 'dev'))
  // A Unix socket has neither host nor port.
  if (!isServer(command) || rest.includes('--unix-sock')) return [command!, ...rest, ...after]
  return [command!, '--port', '0', ...rest, ...after, '--host', '127.0.0.1']
}

const valuesOf = (words: readonly string[], flag: string): string[] =>
  words.flatMap((word, at) => (word === flag ? (words[at + 1] ?? []) : []))

/** Runs what comes after the last command that no script can run; if that is a server, while it serves. */
export async function runWithCurl(block: Block, commands: readonly ShellCommand[], place: Place): Promise<void> {
  const last = commands.findLastIndex(({ words }) => !isScriptable(words))
  const next = commands[last + 1]
  assert.ok(next, `${placeOf(block)}: what comes after curl does not come to an end: put it into a block of its own`)
  const script = block.text.split('\n').slice(next.line).join('\n')
  const before = commands[last]
  const own = before && holdfastWords(before.words)
  if (!own || !isServer(own[0])) return runScript(block, place.here(script), place)
  const ports = await portsHere(own)
  const words = await wordsHere(own, place, ports)
  const moved = script.replaceAll(/(?<=127\.0\.0\.1:)\d+/g, (port) => ports.get(port) ?? port)
  await whileServing(place, words, before.variables, () => runScript(block, place.here(moved), place))
}

/** Whether a script can run it, and goes on after it. */
function isScriptable(words: readonly string[]): boolean {
  const [program] = words
  if (program === undefined || program === 'curl' || ORDINARY.has(program)) return true
  const [command] = holdfastWords(words) ?? []
  return command !== undefined && RUN.has(command) && !isServer(command)
}

async function freePort(): Promise<string> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return String(port)
}

/** Runs a script, with the curl of this machine. */
async function runScript(block: Block, script: string, place: Place): Promise<void> {
  const { code, stdout, stderr } = await place.run('sh', ['-eu', '-c', script])
  const heads = place.heads()
  assert.equal(code, 0, `${placeOf(block)}: ${stderr || stdout}`)
  const statuses = [...heads.matchAll(/^HTTP\/[\d.]+ (\d{3})/gm)].map(([, status]) => Number(status))
  assert.notEqual(statuses.length, 0, `${placeOf(block)}: curl was not answered`)
  const last = statuses.at(-1)!
  if (block.mark?.kind === 'answers') assert.equal(last, block.mark.status, placeOf(block))
  else assert.ok(last < 400, `${placeOf(block)}: the answer was ${last}:\n${heads}`)
  const [, location] = /^location: (\S+)/im.exec(heads) ?? []
  if (location) place.created(location)
}
