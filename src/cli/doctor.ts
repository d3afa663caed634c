/**
 * `holdfast doctor`: whether a bucket can serve, and with which options.
 * @module
 */
import { examine, policyFor, type Report } from '../s3/doctor/index.js'
import { reportText } from './doctor-text.js'
import { PlainError, UsageError } from './failure.js'
import { COMMANDS, type Row, type Rows } from './options.js'
import { camelCase, type Options } from './read-options.js'
import { clientOf, styleOf } from './s3.js'
import { encryptionOf, objectsOf } from './s3-objects.js'
import { painter, shellWord } from './table.js'
import { showDuration, showSize } from './values.js'

type DoctorOptions = Options<'doctor'>

export async function doctor(options: DoctorOptions): Promise<void> {
  const report = await examined(options)
  const { bucket, region } = report
  const { s3ObjectPrefix = '', s3MetadataObjectPrefix } = options
  const policy = policyFor({
    bucket,
    region,
    objectPrefix: closed(s3ObjectPrefix),
    metadataObjectPrefix: closed(s3MetadataObjectPrefix || s3ObjectPrefix),
    more: report.missing.needed,
  })
  const command = commandFor(options, report)
  if (options.json) console.log(JSON.stringify({ ...report, command, policy }, undefined, 2))
  else {
    const paint = painter(process.stdout.isTTY, process.env)
    process.stdout.write(reportText(report, { paint, command, policy, width: process.stdout.columns ?? 110 }))
  }
  process.exitCode = report.healthy ? 0 : 1
}

const closed = (prefix: string): string => (prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`)

async function examined(options: DoctorOptions): Promise<Report> {
  const { s3Bucket } = options
  if (s3Bucket === undefined) throw new UsageError('--s3-bucket: which bucket is to be examined?')
  const { pathStyle, hasBoth } = styleOf(options)
  const client = clientOf(options, pathStyle)
  const twin = hasBoth ? clientOf(options, !pathStyle) : undefined
  // Whoever interrupts it must not find its objects in the bucket.
  const abort = new AbortController()
  const interrupt = (): void => abort.abort()
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    return await examine({
      client,
      twin,
      pathStyle,
      bucket: s3Bucket,
      endpoint: options.s3Endpoint,
      objectPrefix: options.s3ObjectPrefix,
      metadataObjectPrefix: options.s3MetadataObjectPrefix,
      provider: options.s3Provider,
      minPartSize: options.s3MinPartSize,
      object: objectsOf(options).object,
      encryption: encryptionOf(options),
      requestPayer: options.s3RequestPayer,
      expectedBucketOwner: options.s3ExpectedBucketOwner,
      requestTimeout: options.s3RequestTimeout,
      quick: options.quick,
      signal: abort.signal,
    })
  } catch (error) {
    if (abort.signal.aborted) throw new PlainError('Interrupted. What was written to the bucket is removed.')
    throw error
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    client.destroy()
    twin?.destroy()
  }
}

/** `holdfast serve` with what was given here and what the examination adds. */
function commandFor(options: DoctorOptions, report: Report): string {
  const { S3, 'Objects in S3': objects } = COMMANDS.doctor.groups
  const rows = Object.entries({ ...S3, ...objects } as Rows)
  const given = rows.flatMap(([flag, row]) => {
    const text = textOf(row, (options as Record<string, unknown>)[camelCase(flag)])
    return text === undefined || text === row.default || flag in report.options ? [] : [wordsOf(row, flag, text)]
  })
  const added = Object.entries(report.options).map(([flag, text]) => `--${flag} ${shellWord(text)}`)
  return ['holdfast serve', ...given, ...added].join(' ')
}

const wordsOf = (row: Row, flag: string, text: string): string =>
  row.type === 'boolean' && text === 'true' ? `--${flag}` : `--${flag} ${shellWord(text)}`

function textOf(row: Row, value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (row.type === 'size') return showSize(value as number)
  return row.type === 'duration' ? showDuration(value as number) : String(value)
}
