/**
 * What Holdfast relies on, or a user may, in an S3-compatible server: a table of behaviours, each tried over HTTP. The
 * development bucket has them all; other servers do not, and then the table says what is missing.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { ACCESS_ROWS, LOAD_ROWS } from './access-rows.js'
import { CONDITION_ROWS } from './condition-rows.js'
import { type Context, createContext, type ProbeTarget } from './context.js'
import { INTEGRITY_ROWS } from './integrity-rows.js'
import { LIST_ROWS } from './list-rows.js'
import { COMPLETE_ROWS, PART_ROWS } from './multipart-rows.js'
import { OBJECT_ROWS } from './object-rows.js'
import { SETTING_ROWS } from './setting-rows.js'

export type { ProbeTarget } from './context.js'

export interface Behaviour {
  readonly id: string
  /** One sentence, true of S3. */
  readonly rule: string
  /** Not something to fail a server for. */
  readonly informational?: true
  /** Takes seconds, or moves hundreds of megabytes. */
  readonly slow?: true
  /** Throws if the rule does not hold. What it returns, if it is text, is worth knowing besides. */
  run(context: Context): Promise<unknown>
}

/** What came of one behaviour of S3. */
export interface ProbeRow {
  /** The name of the behaviour, such as `put-if-match`. */
  readonly id: string
  /** What S3 does, in one sentence. */
  readonly rule: string
  /** Whether the server does so. */
  readonly ok: boolean
  /** Whether it is nothing to fail a server for. */
  readonly informational: boolean
  /** What was seen; empty if there is nothing to say. */
  readonly detail: string
}

/** Which behaviours are probed, and how long. */
export interface ProbeOptions {
  /** Only rows whose ID matches. */
  readonly only?: RegExp
  /** Whether to run rows that take long. Default: true */
  readonly slow?: boolean
  /** Milliseconds for one row. Default: 60,000 */
  readonly timeout?: number
  /** The resident memory of the server in bytes, where it can be measured. */
  readonly memory?: () => number
  /** Called as each row is done. */
  readonly onRow?: (row: ProbeRow) => void
}

export const BEHAVIOURS: readonly Behaviour[] = [
  ...OBJECT_ROWS,
  ...SETTING_ROWS,
  ...CONDITION_ROWS,
  ...LIST_ROWS,
  ...PART_ROWS,
  ...COMPLETE_ROWS,
  ...INTEGRITY_ROWS,
  ...ACCESS_ROWS,
  ...LOAD_ROWS,
]

/** Tries the behaviours one after another, and removes what they left. */
export async function runProbe(target: ProbeTarget, options: ProbeOptions = {}): Promise<ProbeRow[]> {
  const { only = /(?:)/, slow = true, timeout = 60_000, onRow = () => {} } = options
  const prefix = `holdfast-probe/${randomUUID()}/`
  const context = createContext(target, prefix, options.memory)
  await context.s3.headBucket({ Bucket: target.bucket }).catch(() => context.s3.createBucket({ Bucket: target.bucket }))
  const rows: ProbeRow[] = []
  for (const behaviour of BEHAVIOURS.filter(({ id, slow: long }) => only.test(id) && (slow || !long))) {
    const row = await tryOne(behaviour, createContext(target, `${prefix}${behaviour.id}/`, options.memory), timeout)
    rows.push(row)
    onRow(row)
  }
  await cleanUp(context, prefix)
  return rows
}

async function tryOne(behaviour: Behaviour, context: Context, timeout: number): Promise<ProbeRow> {
  const { id, rule, informational = false } = behaviour
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${timeout} ms`)), timeout)
  })
  try {
    const detail = await Promise.race([behaviour.run(context), late])
    return { id, rule, ok: true, informational, detail: typeof detail === 'string' ? detail : '' }
  } catch (error) {
    return { id, rule, ok: false, informational, detail: describe(error) }
  } finally {
    clearTimeout(timer)
    context.s3.destroy()
    context.plain.destroy()
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.name === 'Error' ? error.message : `${error.name}: ${error.message}`
}

/** Best effort: a server that fails rows may fail here as well. */
async function cleanUp({ s3, bucket }: Context, Prefix: string): Promise<void> {
  try {
    for (;;) {
      const { Contents = [], IsTruncated } = await s3.listObjectsV2({ Bucket: bucket, Prefix })
      if (Contents.length > 0)
        await s3.deleteObjects({ Bucket: bucket, Delete: { Objects: Contents.map(({ Key }) => ({ Key })) } })
      if (!IsTruncated) break
    }
    const { Uploads = [] } = await s3.listMultipartUploads({ Bucket: bucket, Prefix })
    for (const { Key, UploadId } of Uploads) await s3.abortMultipartUpload({ Bucket: bucket, Key, UploadId })
  } catch {
    // What is left lies below holdfast-probe/, where whoever owns the bucket finds it.
  } finally {
    s3.destroy()
  }
}
