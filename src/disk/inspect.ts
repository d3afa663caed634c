/**
 * The disk store as the operator's tools see it. Nothing is changed.
 * @module
 */
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { UploadError } from '../errors.js'
import type {
  Exported,
  Inspection,
  Inspector,
  RecordEntry,
  Summary,
  Verification,
  VerifyOptions,
} from '../store/inspect.js'
import { differences, measure } from '../store/measure.js'
import { compare, type DiskSight } from './compare.js'
import { asDiskFailure, isMissing, isUsableId, type Paths, pathsOf } from './files.js'
import { listRecords, modifiedAt } from './list.js'
import { corrupt, isForeign, readRecord } from './load.js'
import { infoOf, storageOf } from './record.js'

/** Looks at an upload that is written meanwhile. */
const LOOKS = 5

export class DiskInspector implements Inspector {
  readonly #directory: string
  readonly #now: () => number

  constructor(directory: string, now: () => number) {
    this.#directory = directory
    this.#now = now
  }

  async *records(prefix = ''): AsyncIterable<RecordEntry> {
    for await (const { id, modifiedAt } of listRecords(this.#directory)) {
      if (id.startsWith(prefix)) yield { name: id, modifiedAt, read: () => this.#summary(id) }
    }
  }

  async #summary(id: string): Promise<Summary | undefined> {
    const found = await this.#look(id).catch((error) => {
      if (error instanceof UploadError && error.code === 'ERR_UPLOAD_NOT_FOUND') return undefined
      throw error
    })
    return found && summaryOf(id, found)
  }

  async inspect(id: string): Promise<Inspection> {
    const found = await this.#look(id)
    const { paths, text, sight } = found
    return {
      ...summaryOf(id, found),
      record: parsed(text),
      stored: {
        record: paths.record,
        data: sight?.size === undefined ? undefined : { path: paths.data, size: sight.size },
        lock: sight?.isLocked ? paths.lock : undefined,
        finals: sight?.finals.length ? sight.finals : undefined,
      },
      findings: sight ? compare(sight) : [unreadable(paths)],
    }
  }

  async verify(id: string, { quick = false, onBytes }: VerifyOptions = {}): Promise<Verification> {
    const found = await this.#look(id)
    const { paths, sight } = found
    const summary = summaryOf(id, found)
    if (!sight) return { ...summary, result: 'wrong', read: 0, crc32: undefined, findings: [unreadable(paths)] }
    const seen = compare(sight)
    const { record } = sight
    const isWrong = seen.some(({ level }) => level === 'wrong')
    const isDone = record.state === 'complete'
    if (isWrong) return { ...summary, result: 'wrong', read: 0, crc32: undefined, findings: seen }
    const rest = isDone ? 'unknown' : 'unfinished'
    const isEmpty = sight.size === undefined || record.offset === 0
    // The file's size is all that the disk tells by itself.
    if (quick || record.state === 'failed' || (isEmpty && !isDone)) {
      return { ...summary, result: rest, read: 0, crc32: undefined, findings: seen }
    }
    const content = contentFrom(paths.data, 0, record.offset)
    const measured = await measure(content, { digests: isDone ? record.digests : undefined }, onBytes)
    const { offset, crc32, digests } = record
    const findings = [...seen, ...differences({ offset, crc32, digests: isDone ? digests : undefined }, measured)]
    const isKnown = crc32 !== undefined || (isDone && digests !== undefined)
    const result = findings.some(({ level }) => level === 'wrong') ? 'wrong' : isDone && isKnown ? 'good' : rest
    return { ...summary, result, read: measured.length, crc32: isDone ? measured.crc32 : undefined, findings }
  }

  async export(id: string): Promise<Exported> {
    const found = await this.#look(id)
    const { paths, sight } = found
    if (!sight) throw corrupt('the record cannot be read')
    const { record, size = 0 } = sight
    const { info, author } = summaryOf(id, found)
    const readable = record.state === 'failed' ? 0 : Math.min(size, record.offset)
    const lost = `its file has ${size} bytes, and ${record.offset} are committed`
    return {
      id,
      author,
      info: info!,
      readable,
      obstacle: record.state === 'failed' ? record.failure : readable < record.offset ? lost : undefined,
      read: (first) => contentFrom(paths.data, first, readable),
    }
  }

  /** @throws UploadError ERR_UPLOAD_NOT_FOUND · ERR_STORE_UNAVAILABLE · ERR_STORE_REFUSED */
  async #look(id: string): Promise<Found> {
    if (!isUsableId(id)) throw new UploadError('ERR_UPLOAD_NOT_FOUND')
    for (let look = 1; ; look++) {
      const found = await this.#lookOnce(id)
      const { sight, paths } = found
      if (!sight || look === LOOKS || !compare(sight).some(({ level }) => level === 'wrong')) return found
      // What looks wrong may be a writer's commit between two of the looks.
      if ((await readRecord(paths, id).catch(() => undefined))?.commit === sight.record.commit) return found
    }
  }

  async #lookOnce(id: string): Promise<Found> {
    const paths = pathsOf(this.#directory, id)
    const text = await textOf(paths.record)
    if (text === undefined) throw new UploadError('ERR_UPLOAD_NOT_FOUND')
    const [record, modified, size, isLocked, finals] = await Promise.all([
      readRecord(paths, id).catch((error) => {
        if (error instanceof UploadError && error.code === 'ERR_STORE_CORRUPT') return undefined
        throw error
      }),
      modifiedAt(paths.record),
      sizeOf(paths.data),
      sizeOf(paths.lock).then((found) => found !== undefined),
      textOf(paths.finals),
    ])
    if (record === undefined) return { paths, text, sight: undefined }
    const waiting = finals?.split('\n').filter((line) => line !== '') ?? []
    const sight = { now: this.#now(), record, modified, size, isLocked, finals: waiting, isForeign: isForeign(record) }
    return { paths, text, sight }
  }
}

interface Found {
  paths: Paths
  text: string
  /** Undefined if the record cannot be read. */
  sight: DiskSight | undefined
}

function summaryOf(id: string, { paths, sight }: Found): Summary {
  if (!sight) return { id, author: 'unknown', info: undefined }
  const { record, modified, isForeign } = sight
  return { id, author: isForeign ? 'tusd' : 'holdfast', info: infoOf(record, storageOf(paths), modified) }
}

const unreadable = ({ record }: Paths) =>
  ({ code: 'record-unreadable', level: 'wrong', text: `${record} is no record that this version can read.` }) as const

/** @throws UploadError */
export async function* contentFrom(path: string, first: number, end: number): AsyncGenerator<Uint8Array> {
  if (first >= end) return
  try {
    yield* createReadStream(path, { start: first, end: end - 1 }) as AsyncIterable<Uint8Array>
  } catch (error) {
    throw asDiskFailure(error)
  }
}

async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error) => {
    if (isMissing(error)) return undefined
    throw asDiskFailure(error)
  })
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    (error) => {
      if (isMissing(error)) return undefined
      throw asDiskFailure(error)
    },
  )
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}
