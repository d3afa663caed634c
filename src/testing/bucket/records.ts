/**
 * What is remembered about objects, uploads and parts, and how it is kept: small JSON files, published by rename, so that
 * a record is there whole or not at all.
 * @module
 */
import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Segment } from './blobs.js'
import type { ChecksumAlgorithm, ChecksumType } from './digests.js'
import type { Settings } from './settings.js'

/** What a client said about an object besides its bytes. */
export interface Description {
  /** Content-Type and its kin, by lower-case name, as they are answered. */
  readonly headers: Record<string, string>
  /** Names without x-amz-meta-. */
  readonly metadata: Record<string, string>
  readonly tags: Record<string, string>
  /** How it is kept; absent in records of before there was this. */
  readonly settings?: Settings | undefined
}

export interface ObjectRecord extends Description {
  readonly key: string
  readonly size: number
  /** Without quotes. */
  readonly etag: string
  /** Milliseconds since 1970. */
  readonly modified: number
  readonly segments: readonly Segment[]
  readonly checksum?: { algorithm: ChecksumAlgorithm; type: ChecksumType; value: string }
  /** The upload that made it: a Complete that is sent again finds its answer here. */
  readonly uploadId?: string
}

export interface UploadRecord extends Description {
  readonly id: string
  readonly key: string
  readonly initiated: number
  readonly checksum?: { algorithm: ChecksumAlgorithm; type: ChecksumType }
}

export interface PartRecord {
  readonly number: number
  readonly size: number
  readonly etag: string
  readonly modified: number
  readonly blob: string
  /** Base64 by algorithm. */
  readonly checksums: Partial<Record<ChecksumAlgorithm, string>>
}

export interface BucketRecord {
  readonly name: string
  readonly created: number
  /** The XML as it was put. */
  readonly lifecycle?: string
}

/** Where everything is, below the directory that the user named. Keys are hashed: no key can leave it, or be too long. */
export const layout = (root: string) => ({
  blobs: join(root, 'blobs'),
  buckets: join(root, 'buckets'),
  /** Emptied at start. Same file system, so that a rename out of it (or into it, to vanish at once) is atomic. */
  temporary: join(root, 'temporary'),
  bucket: (name: string) => join(root, 'buckets', name),
  bucketRecord: (name: string) => join(root, 'buckets', name, 'bucket.json'),
  objects: (name: string) => join(root, 'buckets', name, 'objects'),
  object: (name: string, key: string) =>
    join(root, 'buckets', name, 'objects', `${createHash('sha256').update(key).digest('hex')}.json`),
  uploads: (name: string) => join(root, 'buckets', name, 'uploads'),
  upload: (name: string, id: string) => join(root, 'buckets', name, 'uploads', id),
  uploadRecord: (name: string, id: string) => join(root, 'buckets', name, 'uploads', id, 'upload.json'),
  part: (name: string, id: string, number: number) => join(root, 'buckets', name, 'uploads', id, `${number}.json`),
})

export type Layout = ReturnType<typeof layout>

export async function publish(layout: Layout, path: string, record: unknown): Promise<void> {
  const temporary = join(layout.temporary, randomUUID())
  await writeFile(temporary, JSON.stringify(record))
  await rename(temporary, path)
}

export async function readRecord<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8'))
}

/** All records in a folder, a few at a time. */
export async function readRecords<T>(directory: string, accept: (name: string) => boolean = () => true): Promise<T[]> {
  const names = (await readdir(directory)).filter(accept)
  const records: T[] = []
  for (let at = 0; at < names.length; at += 32) {
    const some = names.slice(at, at + 32).map((name) => readRecord<T>(join(directory, name)))
    records.push(...(await Promise.all(some)))
  }
  return records
}
