/**
 * A folder that another server filled, to be copied from: tusd's filestore, `@tus/file-store`, or one of Holdfast. Only files
 * inside of it are read, whatever its records say.
 * @module
 */
import { readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { UploadError } from '../errors.js'
import type { UploadInfo } from '../store/info.js'
import type { Exported, Exporter, RecordEntry, Summary } from '../store/inspect.js'
import { asDiskFailure, isMissing, isUsableId } from './files.js'
import { contentFrom, DiskInspector } from './inspect.js'
import { listRecords } from './list.js'

/** What `@tus/file-store` writes of an upload, beside its file. */
const CONFIG = '.json'

/** @throws UploadError ERR_INVALID_OPTIONS if it is no folder */
export async function exporterOf(directory: string, now = Date.now): Promise<Exporter> {
  const root = resolve(directory)
  const isFolder = await stat(root).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (!isFolder) throw new UploadError('ERR_INVALID_OPTIONS', { message: `fromDir: ${directory} is no folder.` })
  return new DirectoryExporter(root, now)
}

class DirectoryExporter implements Exporter {
  readonly #root: string
  /** Of the records in the form of tusd. */
  readonly #inspector: DiskInspector

  constructor(root: string, now: () => number) {
    this.#root = root
    this.#inspector = new DiskInspector(root, now)
  }

  async *records(prefix = ''): AsyncIterable<RecordEntry> {
    yield* this.#inspector.records(prefix)
    for await (const { id, modifiedAt } of listRecords(this.#root, CONFIG)) {
      if (!id.startsWith(prefix)) continue
      const entry = { name: id, modifiedAt, read: () => this.#summary(id) }
      // Any file may be called so.
      if ((await entry.read()) !== undefined) yield entry
    }
  }

  async export(id: string): Promise<Exported> {
    const found = await this.#ofFileStore(id)
    if (found === undefined) return this.#inspector.export(id)
    const { info } = found
    return {
      ...found,
      readable: info.offset,
      obstacle: undefined,
      read: (first) => contentFrom(join(this.#root, id), first, info.offset),
    }
  }

  async #summary(id: string): Promise<Summary | undefined> {
    return this.#ofFileStore(id)
  }

  /** @returns undefined if it is none */
  async #ofFileStore(id: string): Promise<(Summary & { info: UploadInfo }) | undefined> {
    if (!isUsableId(id)) return undefined
    const path = join(this.#root, id)
    try {
      const [text, data] = await Promise.all([readFile(`${path}${CONFIG}`, 'utf8'), stat(path)])
      const info = infoOf(text, id, data)
      return info && { id, author: '@tus/file-store', info }
    } catch (error) {
      if (isMissing(error)) return undefined
      throw asDiskFailure(error)
    }
  }
}

/** Its offset is the size of the file. A size of null, or none, is one that is deferred. */
function infoOf(text: string, id: string, data: { size: number; mtimeMs: number }): UploadInfo | undefined {
  const value = parsed(text)
  const { size, metadata, creation_date: created } = value ?? {}
  const isDeferred = size === undefined || size === null
  if (value?.id !== id || !(isDeferred || (Number.isSafeInteger(size) && (size as number) >= 0))) return undefined
  const length = isDeferred ? undefined : (size as number)
  const modifiedAt = Math.floor(data.mtimeMs)
  return {
    id,
    length,
    metadata: metadataOf(metadata),
    metadataField: undefined,
    offset: data.size,
    state: data.size === length ? 'complete' : 'open',
    failure: undefined,
    createdAt: (typeof created === 'string' && Date.parse(created)) || modifiedAt,
    completedAt: data.size === length ? modifiedAt : undefined,
    modifiedAt,
    etag: undefined,
    storage: {},
  }
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** A key without a value is null there. */
function metadataOf(value: unknown): Record<string, string> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : []
  return Object.fromEntries(entries.map(([key, text]) => [key, typeof text === 'string' ? text : '']))
}
