/**
 * `holdfast doctor` on one server: what it says is what is known, it leaves nothing, and the command that it recommends
 * serves uploads.
 * @module
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import type { Report } from '../src/s3/doctor/index.js'
import { runCommand, startServer } from '../test/cli/command.js'
import { sha256, someBytes } from '../test/support/bucket.js'
import { idOf } from '../test/support/stack.js'
import { type Bench, PART, uploadWithClient } from './bench.js'
import { type DoctorSays, KNOWN, type RunningServer, SERVERS, type Server } from './servers/index.js'

export type DoctorReport = Report & { command: string; policy: unknown }

/** The rows that depend on who comes first; with few rounds a server can be lucky in all of them. */
const RACES = ['Creates at once', 'Replacements at once']
const LUCKY = [...RACES, 'Reading while it is replaced']
const isLucky = ({ races, warnings }: DoctorSays): boolean =>
  races !== undefined || warnings.some((what) => LUCKY.includes(what))

export const environmentOf = (credentials: {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string | undefined
}): Record<string, string> => ({
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  ...(credentials.sessionToken ? { AWS_SESSION_TOKEN: credentials.sessionToken } : {}),
  AWS_EC2_METADATA_DISABLED: 'true',
})

export const argsFor = ({ bucket, endpoint, region }: RunningServer): string[] => [
  'doctor',
  '--s3-bucket',
  bucket,
  '--s3-endpoint',
  endpoint,
  ...(region === 'us-east-1' ? [] : ['--s3-region', region]),
]

/** All of a row's warnings, in order. */
export const rowsThat = (status: string, { findings }: Report): string[] =>
  findings.filter((finding) => finding.status === status).map(({ what }) => what)

export function doctor(server: RunningServer, bench: Bench): void {
  const known = KNOWN[server.name].doctor
  describe('holdfast doctor', () => {
    let code: unknown
    let report: DoctorReport
    let keys: string[]
    before(async () => {
      keys = await bench.keys('')
      const run = await runCommand([...argsFor(server), '--json'], environmentOf(server.credentials))
      code = run.code
      report = JSON.parse(run.stdout) as DoctorReport
      await keep(server, report)
    })

    test('the bucket can serve, and what it found is what is known of the server', () => {
      assert.deepEqual([code, report.healthy, rowsThat('failure', report)], [0, true, []])
      assert.equal(report.provider.id, known.provider)
      assert.deepEqual(report.missing, { needed: [], useful: [] })
      const warnings = rowsThat('warning', report)
      const isRaced = (what: string): boolean => known.races !== undefined && LUCKY.includes(what)
      assert.deepEqual(
        warnings.filter((what) => !isRaced(what)),
        known.warnings,
      )
      if (known.races === 'surely') assert.ok(warnings.some(isRaced), 'of many writers at once more than one wins')
      assert.deepEqual(report.options, known.options ?? {})
      const { capabilities, isLate }: Server = SERVERS[server.name]
      const wanted = isLate ? 'none' : capabilities.conditionalWrites
      assert.deepEqual([report.facts.conditionalWrites, report.facts.checksums], [wanted, capabilities.checksums])
    })

    test('the bucket is afterwards as it was before', async () => {
      assert.deepEqual(report.left, [])
      assert.deepEqual(await bench.keys(''), keys)
      assert.deepEqual(await bench.multiparts(''), [])
    })

    test('as text, and measured less, it is the same table', async () => {
      const text = await runCommand([...argsFor(server), '--quick'], environmentOf(server.credentials))
      assert.equal(text.code, 0, text.stdout + text.stderr)
      mustSayTheSame(text.stdout, report, known)
    })

    test('the command that it recommends serves', (context) => serves(context, server, bench, report))
  })
}

function mustSayTheSame(text: string, report: DoctorReport, known: DoctorSays): void {
  const marked = (mark: string): string[] =>
    [...text.matchAll(new RegExp(`^ {2}${mark} (.+?)(?: {2}|$)`, 'gm'))].map(([, what]) => what!)
  const certain = (names: readonly string[]): string[] => names.filter((what) => !LUCKY.includes(what))
  assert.deepEqual(certain(marked('✓')), certain(rowsThat('ok', report)))
  assert.deepEqual(certain(marked('!')), certain(known.warnings))
  assert.deepEqual(marked('i'), rowsThat('info', report))
  assert.deepEqual(marked('✗'), [])
  assert.match(text, /^The bucket can serve/m)
  if (!isLucky(known)) assert.ok(text.includes(`\n  ${report.command}\n`), `the command is ${report.command}`)
  if (isLucky(known)) return
  const words = text.replaceAll(/\s+/g, ' ')
  assert.equal(
    words.includes('this needs a locker'),
    report.facts.conditionalWrites === 'none',
    'a locker where one is needed',
  )
}

/** With exactly these options, a port, and credentials. Where a locker is needed, it is refused without one. */
async function serves(
  context: TestContext,
  server: RunningServer,
  bench: Bench,
  { command, facts }: DoctorReport,
): Promise<void> {
  const [program, ...args] = [...command.split(' '), '--port', '0']
  const environment = environmentOf(server.credentials)
  assert.equal(program, 'holdfast')
  if (facts.conditionalWrites === 'none') {
    const keys = await bench.keys('')
    const refused = await runCommand(args, environment)
    assert.equal(refused.code, 2, refused.stdout)
    assert.match(refused.stderr, /no conditional writes .*--single-process/s)
    assert.deepEqual(await bench.keys(''), keys, 'nothing is written')
    args.push('--single-process')
  }
  const node = await startServer(context, args, environment)
  const file = someBytes(3 * PART + 17)
  const id = idOf(await uploadWithClient(file, { endpoint: node.url }))
  assert.equal(await bench.sha256Of(id), sha256(file))
  assert.deepEqual((await bench.leftovers(id)).sort(), [id, `${id}.info`])
}

/** For docs/providers.md, when it is made anew. */
async function keep(server: RunningServer, report: DoctorReport): Promise<void> {
  const folder = process.env.HOLDFAST_MEASURES
  if (folder) await writeFile(join(folder, `${server.name}.json`), JSON.stringify(report))
}
