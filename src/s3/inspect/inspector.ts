/**
 * The S3 store as the operator's tools see it. Nothing is changed: a record of another server is read as Holdfast would
 * read it, and stays what it is.
 * @module
 */
import { type FailureCode, UploadError } from '../../errors.js'
import type {
  Exported,
  ExportOptions,
  Inspection,
  Inspector,
  Orphan,
  RecordEntry,
  Summary,
  Verification,
  VerifyOptions,
} from '../../store/inspect.js'
import type { S3Context } from '../context.js'
import { type Keys, keysOf, nameOfRecord, objectIdsOf } from '../keys.js'
import { pagesOf } from '../list.js'
import { infoOf } from '../record/record.js'
import { compare } from './compare.js'
import { exportOf } from './export.js'
import { orphansOf } from './orphans.js'
import { lookAt, type ReadRecord, readAny, type Sight } from './sight.js'
import { verifySight } from './verify.js'

/** Of a record with these, nothing more can be told. */
const UNREADABLE: readonly FailureCode[] = ['ERR_STORE_CORRUPT']

/** Looks at an upload that is written meanwhile. */
const LOOKS = 5

export class S3Inspector implements Inspector {
  readonly #context: S3Context
  readonly #ready: () => Promise<void>

  /** @param ready fills in what is not yet known of the provider */
  constructor(context: S3Context, ready: () => Promise<void>) {
    this.#context = context
    this.#ready = ready
  }

  async *records(prefix = ''): AsyncIterable<RecordEntry> {
    await this.#ready()
    const { prefixes } = this.#context
    for await (const { key, modified } of pagesOf(this.#context, prefixes.metadataObjectPrefix + prefix)) {
      const name = nameOfRecord(key, prefixes)
      if (name !== undefined) yield { name, modifiedAt: modified, read: () => this.#summary(name, modified) }
    }
  }

  async *orphans(prefix = ''): AsyncIterable<Orphan> {
    await this.#ready()
    yield* orphansOf(this.#context, prefix)
  }

  async inspect(id: string): Promise<Inspection> {
    const { keys, read, sight } = await this.#see(id)
    const shown = { record: shownOf(read.text), stored: sight ? storedOf(sight) : { record: keys.record } }
    if (!sight) return { ...unreadable(keys, read), ...shown }
    return { ...this.#summaryOf(keys, read), ...shown, findings: compare(sight) }
  }

  async verify(id: string, options: VerifyOptions = {}): Promise<Verification> {
    const { keys, read, sight } = await this.#see(id)
    if (!sight) return { ...unreadable(keys, read), result: 'wrong', read: 0, crc32: undefined }
    return { ...this.#summaryOf(keys, read), ...(await verifySight(this.#context, sight, compare(sight), options)) }
  }

  async export(id: string, options: ExportOptions = {}): Promise<Exported> {
    const { keys, read, sight } = await this.#see(id)
    const summary = this.#summaryOf(keys, read)
    if (!sight || !summary.info) throw new UploadError('ERR_STORE_CORRUPT')
    return { ...summary, info: summary.info, ...(await exportOf(this.#context, sight, options)) }
  }

  /** @throws UploadError ERR_UPLOAD_NOT_FOUND · ERR_STORE_UNAVAILABLE */
  async #see(id: string): Promise<{ keys: Keys; read: ReadRecord; sight: Sight | undefined }> {
    await this.#ready()
    for (let look = 1; ; look++) {
      const { keys, read } = await this.#find(id)
      const sight = read.upload && (await lookAt(this.#context, keys, read, read.upload))
      if (sight === undefined || look === LOOKS || !compare(sight).some(({ level }) => level === 'wrong')) {
        return { keys, read, sight }
      }
      // What looks wrong may be a writer's commit between two of the requests.
      if ((await this.#read(keys))?.etag === read.etag) return { keys, read, sight }
    }
  }

  async #find(id: string): Promise<{ keys: Keys; read: ReadRecord }> {
    for (const name of objectIdsOf(id, this.#context.prefixes)) {
      const keys = keysOf(this.#context.prefixes, name)
      const read = await this.#read(keys)
      // A name alone will do, too: it is what a listing has of a record that cannot be read.
      if (read && (name === id || read.upload?.id === id)) return { keys: this.#chosen(keys, read), read }
    }
    throw new UploadError('ERR_UPLOAD_NOT_FOUND')
  }

  /** The object may have a key of its own. */
  #chosen(keys: Keys, { upload }: ReadRecord): Keys {
    const { objectPrefix } = this.#context.prefixes
    return upload?.key === undefined ? keys : { ...keys, object: `${objectPrefix}${upload.key}` }
  }

  async #read(keys: Keys): Promise<ReadRecord | undefined> {
    try {
      return await readAny(this.#context, keys)
    } catch (error) {
      if (!(error instanceof UploadError)) throw error
      if (error.code === 'ERR_UPLOAD_NOT_FOUND') return undefined
      if (!UNREADABLE.includes(error.code)) throw error
      return { etag: '', text: '{}', modified: undefined, author: 'unknown', upload: undefined }
    }
  }

  async #summary(name: string, modified: number): Promise<Summary | undefined> {
    const keys = keysOf(this.#context.prefixes, name)
    const read = await this.#read(keys)
    return read && this.#summaryOf(this.#chosen(keys, read), { ...read, modified: read.modified ?? modified })
  }

  #summaryOf(keys: Keys, { author, upload, modified }: ReadRecord): Summary {
    const { bucket = this.#context.bucket, key = keys.object } = upload?.moved ?? {}
    const storage = { Type: 's3store', Bucket: bucket, Key: key }
    return { id: upload?.id ?? keys.id, author, info: upload && infoOf(upload, storage, modified) }
  }
}

function unreadable({ id, record }: Keys, { author }: ReadRecord): Summary & Pick<Inspection, 'findings'> {
  const text = `${record} is no record of an upload that this version can read.`
  return { id, author, info: undefined, findings: [{ code: 'record-unreadable', level: 'wrong', text }] }
}

const HIDDEN = '(hidden)'

/** The token is what an object is recognised by: who knows it could make another pass for it. */
function shownOf(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text, (name, value) => (name === 'token' && typeof value === 'string' ? HIDDEN : value))
  } catch {
    return undefined
  }
}

function storedOf({ keys, object, parts, slots, strays, finals, upload }: Sight): Record<string, unknown> {
  const { metadata = {}, ...seen } = object ?? {}
  const marks = { id: metadata['holdfast-id'], token: metadata['holdfast-token'] && HIDDEN }
  const isOurs = upload.token !== undefined && metadata['holdfast-token'] === upload.token
  return {
    record: keys.record,
    object: object ? { key: keys.object, ...seen, marks: { ...marks, ofThisUpload: isOurs } } : undefined,
    multipart: parts === undefined ? undefined : { uploadId: upload.uploadId, parts },
    slots: slots.map(({ slot, ...rest }) => ({ slot, key: keys.slot(slot), ...rest })),
    strayMultiparts: strays,
    finals: finals.length > 0 ? finals : undefined,
  }
}
