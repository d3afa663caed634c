/**
 * `npm run bench`: each server in turn, in front of the same sink, in one run; the figures are read as ratios. Arguments: parts
 * of scenario names to run those alone; `--quick` for a few, `--all` for the long ones and more rounds; `--servers=floor,holdfast`;
 * `--rounds=3`; `--json=FILE`; `--log=DIR` for what the servers print; `--profile=DIR` for profiles of those on Node.js.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { machine, versions } from './machine.js'
import { measure } from './measure.js'
import { busiest } from './profile.js'
import { tablesOf } from './report.js'
import type { Result, Results } from './results.js'
import { SCENARIOS, type Scenario } from './scenarios.js'
import { type Contender, contenders, slugOf } from './servers.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    servers: { type: 'string' },
    rounds: { type: 'string' },
    json: { type: 'string' },
    log: { type: 'string' },
    profile: { type: 'string' },
  },
})

/** What is left out by `--quick`: it tells how others take the same hashes off. */
const NOT_QUICK = ['tusd, no hashes']

const all = contenders()
const names = values.servers?.split(',').map(slugOf)
for (const name of names ?? []) {
  if (all.some((one) => slugOf(one.name) === name)) continue
  fail(`There is no server '${name}'. There are: ${all.map((one) => slugOf(one.name)).join(', ')}.`)
}

function fail(text: string): never {
  console.error(text)
  process.exit(2)
}

function isWanted({ name, quick, long }: Scenario): boolean {
  if (positionals.some((part) => isName(part))) return positionals.includes(name)
  if (positionals.length > 0) return positionals.some((part) => name.includes(part))
  if (values.quick) return quick === true
  return values.all || long !== 'nobody'
}

const isName = (text: string): boolean => SCENARIOS.some(({ name }) => name === text)

function contendersFor({ long }: Scenario): Contender[] {
  if (names) return all.filter(({ name }) => names.includes(slugOf(name)))
  if (values.quick) return all.filter(({ name }) => !NOT_QUICK.includes(name))
  return long === 'Holdfast' && !values.all ? all.filter(({ name }) => name.startsWith('Holdfast')) : all
}

/** Neighbours of the same group are one. */
function groupsOf(scenarios: readonly Scenario[]): Scenario[][] {
  const groups: Scenario[][] = []
  for (const scenario of scenarios) {
    const last = groups.at(-1)
    if (scenario.group !== undefined && last?.[0]?.group === scenario.group) last.push(scenario)
    else groups.push([scenario])
  }
  return groups
}

const rounds = Number(values.rounds ?? (values.quick ? 2 : values.all ? 5 : 3))
if (!Number.isInteger(rounds) || rounds < 1) fail('--rounds must be a number from 1.')
const chosen = (SCENARIOS as readonly Scenario[]).filter(isWanted)
if (chosen.length === 0)
  fail(`No scenario has such a name. There are:\n${SCENARIOS.map(({ name }) => name).join('\n')}`)

const idle = machine()
const temporary = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
process.once('exit', () => rmSync(temporary, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

const results: Result[] = []
for (const group of groupsOf(chosen)) {
  const measured = await measure(group, contendersFor, {
    rounds,
    temporary,
    profile: values.profile && resolve(values.profile),
    log: values.log && resolve(values.log),
    say: (text) => process.stderr.write(`${text}\n`),
  })
  results.push(...measured)
  console.log(`${tablesOf(measured)}\n`)
}
const command = ['npm run bench --', ...process.argv.slice(2).filter((arg) => !/^--(json|log)=/.test(arg))]
const told: Results = { machine: idle, versions: await versions(), command: command.join(' '), results }
if (values.json) writeFileSync(values.json, `${JSON.stringify(told)}\n`)
if (values.profile) console.log(busiest(values.profile))
