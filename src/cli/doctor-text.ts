/**
 * The doctor's report as a person reads it. Pure.
 * @module
 */
import { type Finding, GROUPS, type policyFor, type Report, type Status } from '../s3/doctor/index.js'
import { type Colour, type Paint, wrap } from './table.js'

const MARKS: Readonly<Record<Status, readonly [mark: string, colour: Colour]>> = {
  ok: ['✓', 'green'],
  info: ['i', 'blue'],
  warning: ['!', 'yellow'],
  failure: ['✗', 'red'],
  skipped: ['-', 'dim'],
}

export interface TextOptions {
  paint: Paint
  /** Characters on a line. */
  width: number
  /** The command that serves this bucket. */
  command: string
  policy: ReturnType<typeof policyFor>
}

export function reportText(report: Report, options: TextOptions): string {
  const { paint } = options
  const blocks = GROUPS.flatMap((group) => {
    const findings = report.findings.filter((finding) => finding.group === group)
    return findings.length === 0 ? [] : [[paint('bold', group), ...tableOf(findings, options)].join('\n')]
  })
  return `${[...blocks, ...verdict(report, options)].join('\n\n')}\n`
}

function tableOf(findings: readonly Finding[], { paint, width }: TextOptions): string[] {
  const column = Math.max(...findings.map(({ what }) => what.length))
  const indent = ' '.repeat(column + 6)
  return findings.flatMap(({ what, status, found, meaning }) => {
    const [mark, colour] = MARKS[status]
    const [first, ...rest] = wrap(found, Math.max(30, width - indent.length))
    const explained = meaning === undefined ? [] : wrap(meaning, Math.max(30, width - indent.length))
    return [
      `  ${paint(colour, mark)} ${what.padEnd(column)}  ${first}`,
      ...rest.map((line) => indent + line),
      ...explained.map((line) => indent + paint('dim', line)),
    ]
  })
}

/** The command alone does not make it safe where nothing but a locker keeps writers apart. */
const serving = ({ facts }: Report, command: string): string[] =>
  facts.conditionalWrites === 'none'
    ? [
        'It has no conditional writes to rely on, so this needs a locker (--locker-redis), or --single-process besides:',
        `  ${command}`,
      ]
    : [`  ${command}`]

function verdict(report: Report, { paint, command, policy }: TextOptions): string[] {
  const count = (status: Status): number => report.findings.filter((finding) => finding.status === status).length
  const warnings = count('warning')
  const failures = count('failure')
  const many = (number: number, one: string): string => `${number} ${one}${number === 1 ? '' : 's'}`
  const { needed, useful } = report.missing
  const blocks = report.healthy
    ? [
        paint('green', `The bucket can serve${warnings ? `, with ${many(warnings, 'warning')}` : ''}.`),
        ...serving(report, command),
      ]
    : [paint('red', `The bucket cannot serve: ${many(failures, 'failure')}.`)]
  if (needed.length > 0) blocks.push(`Missing permissions: ${needed.join(', ')}`)
  if (useful.length > 0) blocks.push(`Useful besides: ${useful.join(', ')}`)
  if (needed.length + useful.length > 0) {
    blocks.push(`The policy of the server, to paste:\n\n${JSON.stringify(policy, undefined, 2)}`)
  }
  return blocks
}
