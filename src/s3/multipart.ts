/**
 * The multipart upload of an append: the record's, or a new one, made when the first full part is ready and not before.
 * @module
 */
import { objectHead } from './object-head.js'
import { newNonce, type UploadRecord } from './record/record.js'
import type { S3Upload } from './upload.js'

const YES = (): boolean => true
const NO = (): boolean => false

type Created = Pick<UploadRecord, 'token' | 'expiresAt' | 'fullObject'> & { uploadId: string }

export class Multipart {
  readonly #upload: S3Upload
  #opening: Promise<string> | undefined
  /** A commit that names it was sent; what became of that commit may be unknown. */
  #isOffered = false
  #created: Created | undefined

  constructor(upload: S3Upload) {
    this.#upload = upload
  }

  id(): Promise<string> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  /** Whether it was made, but no commit has named it yet. */
  get isUncommitted(): boolean {
    return this.#created !== undefined && this.#created.uploadId !== this.#upload.record.uploadId
  }

  /** Whether the upload has one, committed or not. */
  get exists(): boolean {
    return this.#created !== undefined || this.#upload.record.uploadId !== undefined
  }

  /** What a commit, which is sent at once, says of it. */
  offer(): Partial<UploadRecord> {
    this.#isOffered = this.#created !== undefined
    return this.#created ?? {}
  }

  /** One that no record names would stay for ever; but one that a record names, or may name yet, has committed bytes. */
  async abandon(): Promise<void> {
    if (!this.isUncommitted) return
    const mayBeNamed = this.#isOffered && (await this.#upload.mayName(this.#created?.uploadId).catch(() => true))
    const isAborted = !mayBeNamed && (await this.#upload.abortMultipart(this.#created?.uploadId).then(YES, NO))
    if (!isAborted) this.#upload.mayHaveStrays = true
  }

  async #open(): Promise<string> {
    const { record, context, keys } = this.#upload
    if (record.uploadId !== undefined) return record.uploadId
    const token = newNonce()
    const head = objectHead(record, token)
    const { uploadId, fullObject, expiresAt, mayHaveTwin } = await context
      .call('createMultipartUpload', { key: keys.object, ...head, fullObject: true })
      .catch((error) => {
        this.#upload.mayHaveStrays = true
        throw error
      })
    if (mayHaveTwin) this.#upload.mayHaveStrays = true
    const { multipartExpiry } = context.provider
    // A rule of the bucket, and the provider's own: whichever comes first.
    const ends = [expiresAt, multipartExpiry && context.now() + multipartExpiry].filter((end) => end !== undefined)
    const end = ends.length > 0 ? Math.min(...ends) : undefined
    this.#created = { uploadId, token, expiresAt: end, fullObject: fullObject || undefined }
    return uploadId
  }
}
