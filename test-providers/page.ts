/**
 * The tables of docs/providers.md: from what was measured, the catalogue, and the profiles. Pure but for reading the file
 * of the measurements.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding, Report } from '../src/s3/doctor/index.js'
import { PROVIDERS, type Profile, profileOf } from '../src/s3/provider/profiles.js'
import { BEHAVIOURS } from '../src/testing/probe/index.js'
import { HOSTED } from './hosted.js'
import { KNOWN, SERVER_NAMES, SERVERS, type Server, type ServerName } from './servers/index.js'
import { commandOf } from './servers/install.js'

export interface Counts {
  passed: number
  failed: number
  /** Rules that are known not to be kept there. */
  todo: number
}

export interface Measured {
  version: string
  /** Year-month-day. */
  date: string
  groups: Record<string, Counts>
  doctor: {
    provider: string
    facts: Report['facts']
    options: Record<string, string>
    rows: Finding[]
  }
}

export const MEASURED_FILE = join(import.meta.dirname, 'measured.json')
export const PAGE_FILE = join(import.meta.dirname, '..', 'docs', 'providers.md')

export const readMeasured = (): Partial<Record<ServerName, Measured>> =>
  existsSync(MEASURED_FILE) ? JSON.parse(readFileSync(MEASURED_FILE, 'utf8')) : {}

/** The page with each of its tables made anew. A table stands between two comments that name it. */
export function withTables(page: string): string {
  return Object.entries(TABLES).reduce((text, [name, table]) => {
    const [begin, end] = [`<!-- table: ${name} -->`, '<!-- end -->']
    const from = text.indexOf(begin)
    const to = text.indexOf(end, from)
    if (from === -1 || to === -1) throw new Error(`docs/providers.md has no place for the table '${name}'`)
    return `${text.slice(0, from + begin.length)}\n\n${table()}\n\n${text.slice(to)}`
  }, page)
}

const TABLES: Readonly<Record<string, () => string>> = {
  servers: () => tableOf(['server', 'version', 'from', 'started'], SERVER_NAMES.map(startedRow)),
  results: () => tableOf(RESULT_COLUMNS, SERVER_NAMES.map(resultRow)),
  doctor: () => tableOf(['server', 'what the doctor finds there that is not as on AWS'], SERVER_NAMES.map(findingsRow)),
  options: () =>
    tableOf(['server', 'options of `holdfast serve`', 'known not to work, and why'], SERVER_NAMES.map(optionsRow)),
  behaviours: behavioursTable,
  hosted: () =>
    tableOf(
      [
        'provider',
        'what is known, and from where',
        'what Holdfast does about it',
        'what stands in for it in the tests',
      ],
      hostedProfiles().map(hostedRow),
    ),
}

const UNMEASURED = 'not measured'

const RESULT_COLUMNS = [
  'server',
  'store contract',
  'uploads',
  'faults and two nodes',
  'doctor',
  'conditional writes',
  'checksum of the bytes',
  'parts',
  'measured',
]

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
const tableOf = (columns: readonly string[], rows: readonly (readonly string[])[]): string =>
  [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n')

const serverOf = (name: ServerName): Server => SERVERS[name]

function startedRow(name: ServerName): string[] {
  const { title, version, source, started } = serverOf(name)
  return [title, version, `\`${commandOf(source)}\``, started]
}

function resultRow(name: ServerName): string[] {
  const { title } = serverOf(name)
  const measured = readMeasured()[name]
  if (!measured) return [title, ...RESULT_COLUMNS.slice(1).map(() => UNMEASURED)]
  const { groups, doctor, date } = measured
  const count = (group: string): string => {
    const { passed, failed, todo } = groups[group] ?? { passed: 0, failed: 0, todo: 0 }
    return `${passed} of ${passed + failed + todo}`
  }
  const row = (what: string): string => doctor.rows.find((finding) => finding.what === what)?.found ?? 'not found out'
  const { conditionalWrites } = doctor.facts
  const conditions = { quoted: 'yes', unquoted: 'yes, with unquoted ETags', none: 'no: a locker is needed' }
  return [
    title,
    count('S3Store keeps the contract of stores'),
    count('uploads over HTTP'),
    count('what goes wrong'),
    conditionalWrites === 'none' ? 'can serve, with a locker' : 'can serve',
    conditionalWrites === undefined ? 'not found out' : conditions[conditionalWrites],
    `CRC32 ${row('CRC32 of the bytes')}, of the whole: ${row('CRC32 of a whole upload')}; Content-MD5 ${row('Content-MD5 of the bytes')}`,
    `of 64 KiB ${row('Parts of 64 KiB')}; numbers to ${row('Number of parts')}`,
    date,
  ]
}

function findingsRow(name: ServerName): string[] {
  const measured = readMeasured()[name]
  if (!measured) return [serverOf(name).title, UNMEASURED]
  const rows = measured.doctor.rows.filter(({ status, group }) => status !== 'ok' && group !== 'Expiry')
  const told = rows.map(({ what, found }) => `${what}: ${found}`)
  return [serverOf(name).title, told.join('; ') || 'nothing']
}

function optionsRow(name: ServerName): string[] {
  const { title, exceptions = [], region } = serverOf(name)
  const { options = {} } = KNOWN[name].doctor
  const flags = [
    ...(region ? [`--s3-region ${region}`] : []),
    ...Object.entries(options).map(([flag, value]) => `--${flag} ${value}`),
  ]
  return [
    title,
    flags.length === 0 ? 'none' : flags.map((flag) => `\`${flag}\``).join(', '),
    exceptions.map(({ what, why }) => `${what}: ${why}`).join('; ') || 'nothing',
  ]
}

function behavioursTable(): string {
  const rows = BEHAVIOURS.filter(
    ({ informational, id }) => !informational && SERVER_NAMES.some((name) => speaksOf(name, id)),
  )
  const measured = readMeasured()
  const mark = (name: ServerName, id: string): string =>
    !measured[name]
      ? '?'
      : KNOWN[name].wavers?.includes(id)
        ? 'at times'
        : KNOWN[name].differs.includes(id)
          ? 'no'
          : 'yes'
  return tableOf(
    ['behaviour of S3', ...SERVER_NAMES.map((name) => serverOf(name).title)],
    rows.map(({ id, rule }) => [rule, ...SERVER_NAMES.map((name) => mark(name, id))]),
  )
}

const speaksOf = (name: ServerName, id: string): boolean =>
  KNOWN[name].differs.includes(id) || KNOWN[name].wavers?.includes(id) === true

/** Those that nobody can run on a machine of their own. */
export const hostedProfiles = (): Profile[] =>
  PROVIDERS.map((provider) => profileOf({ provider })).filter(({ hosts }) => hosts !== undefined)

function hostedRow({ id, title, facts, sources = [], reported }: Profile): string[] {
  const known = factsInWords(facts)
  const { does, quirks, tests } = HOSTED[id]!
  return [
    title,
    [
      ...(known.length > 0 ? [`${known.join('; ')} (${sources.join(', ')})`] : []),
      ...(reported ? [`reported: ${reported}`] : []),
    ].join('; ') || 'nothing',
    does,
    [...quirks.map((quirk) => `\`${quirk}\``), ...tests.map((name) => `"${name}"`)].join(', '),
  ]
}

const HOUR = 3_600_000

function factsInWords(facts: Profile['facts']): string[] {
  const words: string[] = []
  const { conditionalWrites, multipartExpiry, writeInterval, maxMultipartParts, copiesParts } = facts
  if (conditionalWrites) words.push(conditionalWrites === 'none' ? 'no conditional writes' : 'conditional writes')
  if (writeInterval) words.push('one write a second for each key')
  if (multipartExpiry) words.push(`unfinished multipart uploads are dropped after ${multipartExpiry / HOUR / 24} days`)
  if (maxMultipartParts) words.push(`at most ${maxMultipartParts.toLocaleString('en')} parts`)
  if (copiesParts === false) words.push('no UploadPartCopy')
  return words
}
