/**
 * The buckets, held in memory and on disk at once: a change is on disk before it is seen in memory, and both are made
 * under the lock of the key it concerns. Knows no HTTP and no rule of S3.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Blobs } from './blobs.js'
import { S3Error } from './errors.js'
import {
  type BucketRecord,
  type Layout,
  layout,
  type ObjectRecord,
  type PartRecord,
  publish,
  readRecord,
  readRecords,
  type UploadRecord,
} from './records.js'
import { SortedMap } from './sorted-map.js'

export interface Upload {
  readonly record: UploadRecord
  readonly parts: Map<number, PartRecord>
}

export interface Bucket {
  record: BucketRecord
  readonly objects: SortedMap<ObjectRecord>
  readonly uploads: Map<string, Upload>
}

const emptyBucket = (record: BucketRecord): Bucket => ({ record, objects: new SortedMap(), uploads: new Map() })

export class Store {
  readonly buckets = new Map<string, Bucket>()
  readonly blobs: Blobs
  readonly #layout: Layout
  readonly #locks = new Map<string, Promise<unknown>>()
  readonly #removals = new Set<Promise<void>>()

  private constructor(directory: string) {
    this.#layout = layout(directory)
    this.blobs = new Blobs(this.#layout.blobs)
  }

  static async open(directory: string): Promise<Store> {
    const store = new Store(directory)
    await store.#load()
    return store
  }

  bucket(name: string): Bucket {
    const bucket = this.buckets.get(name)
    if (bucket === undefined) throw new S3Error('NoSuchBucket')
    return bucket
  }

  /** Runs `work` when all work for this key that came before is done. */
  async withKey<T>(bucket: string, key: string, work: () => Promise<T>): Promise<T> {
    const name = `${bucket}/${key}`
    const before = this.#locks.get(name)
    const turn = (before ?? Promise.resolve()).then(work)
    const settled = turn.catch(() => {})
    this.#locks.set(name, settled)
    try {
      return await turn
    } finally {
      if (this.#locks.get(name) === settled) this.#locks.delete(name)
    }
  }

  async createBucket(name: string, created: number): Promise<void> {
    const record = { name, created }
    const temporary = join(this.#layout.temporary, randomUUID())
    await mkdir(join(temporary, 'objects'), { recursive: true })
    await mkdir(join(temporary, 'uploads'))
    await publish(this.#layout, join(temporary, 'bucket.json'), record)
    await rename(temporary, this.#layout.bucket(name))
    this.buckets.set(name, emptyBucket(record))
  }

  async updateBucket(record: BucketRecord): Promise<void> {
    const bucket = this.bucket(record.name)
    await publish(this.#layout, this.#layout.bucketRecord(record.name), record)
    bucket.record = record
  }

  async deleteBucket(name: string): Promise<void> {
    const { uploads } = this.bucket(name)
    this.buckets.delete(name)
    await this.#vanish(this.#layout.bucket(name))
    for (const { parts } of uploads.values()) await this.blobs.discard([...parts.values()].map(({ blob }) => blob))
  }

  /** Makes `record` the object under its key. To be called under the key's lock. */
  async putObject(name: string, record: ObjectRecord): Promise<void> {
    const { objects } = this.bucket(name)
    const replaced = objects.get(record.key)
    await publish(this.#layout, this.#layout.object(name, record.key), record)
    objects.set(record)
    const kept = new Set(record.segments.map(({ blob }) => blob))
    await this.blobs.discard((replaced?.segments ?? []).map(({ blob }) => blob).filter((blob) => !kept.has(blob)))
  }

  async deleteObject(name: string, key: string): Promise<void> {
    const { objects } = this.bucket(name)
    const record = objects.get(key)
    if (record === undefined) return
    await rm(this.#layout.object(name, key), { force: true })
    objects.delete(key)
    await this.blobs.discard(record.segments.map(({ blob }) => blob))
  }

  async createUpload(name: string, record: UploadRecord): Promise<void> {
    const { uploads } = this.bucket(name)
    await mkdir(this.#layout.upload(name, record.id))
    await publish(this.#layout, this.#layout.uploadRecord(name, record.id), record)
    uploads.set(record.id, { record, parts: new Map() })
  }

  /** Stores a part in the place of one with its number. To be called under the lock of the upload's key. */
  async putPart(name: string, upload: Upload, part: PartRecord): Promise<void> {
    const replaced = upload.parts.get(part.number)
    await publish(this.#layout, this.#layout.part(name, upload.record.id, part.number), part)
    upload.parts.set(part.number, part)
    if (replaced !== undefined) await this.blobs.discard([replaced.blob])
  }

  /** Ends an upload, and removes the bytes of its parts but for those `kept`. */
  async dropUpload(name: string, upload: Upload, kept: ReadonlySet<string> = new Set()): Promise<void> {
    this.bucket(name).uploads.delete(upload.record.id)
    await this.#vanish(this.#layout.upload(name, upload.record.id))
    await this.blobs.discard([...upload.parts.values()].map(({ blob }) => blob).filter((blob) => !kept.has(blob)))
  }

  /** Resolves when nothing more is being removed. */
  async settle(): Promise<void> {
    await Promise.all(this.#removals)
  }

  /** Removes a folder in one step, as far as a restart can see. Its files follow, without anybody waiting for them. */
  async #vanish(path: string): Promise<void> {
    const doomed = join(this.#layout.temporary, randomUUID())
    await rename(path, doomed)
    const removal = rm(doomed, { recursive: true, force: true })
      .catch(() => {})
      .finally(() => this.#removals.delete(removal))
    this.#removals.add(removal)
  }

  async #load(): Promise<void> {
    await rm(this.#layout.temporary, { recursive: true, force: true })
    await mkdir(this.#layout.temporary, { recursive: true })
    await mkdir(this.#layout.buckets, { recursive: true })
    const used = new Set<string>()
    for (const name of await readdir(this.#layout.buckets)) {
      const bucket = emptyBucket(await readRecord(this.#layout.bucketRecord(name)))
      this.buckets.set(name, bucket)
      for (const record of await readRecords<ObjectRecord>(this.#layout.objects(name))) {
        bucket.objects.set(record)
        for (const { blob } of record.segments) used.add(blob)
      }
      for (const id of await readdir(this.#layout.uploads(name))) await this.#loadUpload(bucket, id, used)
    }
    await this.blobs.sweep(used)
  }

  async #loadUpload(bucket: Bucket, id: string, used: Set<string>): Promise<void> {
    const { name } = bucket.record
    const record = await readRecord<UploadRecord>(this.#layout.uploadRecord(name, id)).catch(() => undefined)
    // Killed between creating the folder and its record, or between completing the object and dropping the upload.
    if (record === undefined || bucket.objects.get(record.key)?.uploadId === id) {
      return this.#vanish(this.#layout.upload(name, id))
    }
    const parts = await readRecords<PartRecord>(this.#layout.upload(name, id), (file) => file !== 'upload.json')
    bucket.uploads.set(id, { record, parts: new Map(parts.map((part) => [part.number, part])) })
    for (const { blob } of parts) used.add(blob)
  }
}
