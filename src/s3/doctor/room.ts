/**
 * What all examinations share: the bucket, the requests of the store and a few more, what was found, and what is to be
 * removed in the end.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { AbortMultipartUploadCommand, DeleteObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { ObjectOptions } from '../../store/info.js'
import type { Call, Operations } from '../call/call.js'
import type { Encryption } from '../call/constants.js'
import { S3Fault } from '../call/faults.js'
import { DEFAULT_RETRY, retried } from '../call/retried.js'
import { type Prefixes, prefixes } from '../keys.js'
import { resolveOptions } from '../options.js'
import { AWS_CAPABILITIES } from '../provider/capabilities.js'
import type { ProviderFacts } from '../provider/profiles.js'
import { composeCall } from '../service.js'
import type { Refusal } from './diagnose.js'
import type { Finding, Group, Measures, Status } from './report.js'

export interface ExaminationOptions {
  client: S3Client
  /** The same in the other style of address: path for virtual host, or the reverse; undefined where there is none. */
  twin?: S3Client | undefined
  bucket: string
  objectPrefix?: string | undefined
  metadataObjectPrefix?: string | undefined
  /** As the operator named it. */
  provider?: string | undefined
  endpoint?: string | undefined
  pathStyle: boolean
  /** The smallest part that the operator wants. Default: 5 MiB. */
  minPartSize?: number | undefined
  /** Milliseconds without progress after which a request is given up. */
  requestTimeout: number
  /** What is to be stored with every object. */
  object?: ObjectOptions | undefined
  /** As of the store; they go along with each request. */
  encryption?: Encryption | undefined
  requestPayer?: boolean | undefined
  expectedBucketOwner?: string | undefined
  /** Fewer and smaller measurements. */
  quick: boolean
  signal?: AbortSignal | undefined
}

export const DOCTOR_MARK = '.holdfast-doctor-'

export type Asked<Output> = { output: Output; refusal?: undefined } | { output?: undefined; refusal: Refusal }

export class Room {
  readonly options: ExaminationOptions
  readonly prefixes: Prefixes
  /** The requests as the store sends them, each sent once. */
  readonly raw: Call
  /** The same, retried where S3 is slow or the network fails. */
  readonly call: Call
  readonly findings: Finding[] = []
  readonly facts: Partial<ProviderFacts> = {}
  /** What the probe found, which the server makes at its start. */
  probed: ProviderFacts['conditionalWrites'] | undefined
  readonly measures: Measures = {}
  readonly missing = { needed: new Set<string>(), useful: new Set<string>() }
  readonly left: string[] = []
  readonly #mark = `${DOCTOR_MARK}${randomBytes(8).toString('hex')}-`
  readonly #keys = new Set<string>()
  readonly #multiparts = new Map<string, string>()
  readonly #closePlane: () => void

  constructor(options: ExaminationOptions) {
    const { client, bucket, requestTimeout } = options
    this.options = options
    this.prefixes = prefixes(options.objectPrefix, options.metadataObjectPrefix)
    const { encryption, requestPayer, expectedBucketOwner } = options
    const constants = { encryption, requestPayer, expectedBucketOwner }
    const resolved = resolveOptions({ bucket, service: client, requestTimeout, ...constants })
    const { plain, close } = composeCall(resolved, AWS_CAPABILITIES)
    this.#closePlane = close
    this.raw = this.#tracked(plain)
    this.call = retried(this.raw, DEFAULT_RETRY)
  }

  /** A key where the store has records and tails, or where it has objects. */
  key(name: string, place: 'record' | 'object' = 'record'): string {
    return `${place === 'record' ? this.prefixes.metadataObjectPrefix : this.prefixes.objectPrefix}${this.#mark}${name}`
  }

  find(group: Group, what: string, status: Status, found: string, meaning?: string): void {
    this.findings.push({ group, what, status, found, ...(meaning === undefined ? {} : { meaning }) })
  }

  /** The output, or why there is none. Whatever is no refusal is thrown. */
  async ask<Output>(request: Promise<Output>): Promise<Asked<Output>> {
    try {
      return { output: await request }
    } catch (error) {
      if (this.options.signal?.aborted) throw error
      return { refusal: refusalOf(error) }
    }
  }

  /** An object that was written past `call` is to be removed, too. */
  remove(key: string): void {
    this.#keys.add(key)
  }

  /** Waits until nothing of this examination is in the bucket, and says what could not be removed. */
  async cleanUp(): Promise<void> {
    const { client, bucket } = this.options
    for (const [UploadId, Key] of this.#multiparts) {
      await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId })).catch((error) => {
        if (refusalOf(error).status !== 404) this.left.push(`${Key} (multipart upload ${UploadId})`)
      })
    }
    for (const Key of this.#keys) {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key })).catch(async () => {
        // What was refused to be written need not be removed.
        const isAbsent = (error: unknown): boolean => refusalOf(error).status === 404
        const absent = await client.send(new HeadObjectCommand({ Bucket: bucket, Key })).then(() => false, isAbsent)
        if (!absent) this.left.push(Key)
      })
    }
    this.#closePlane()
  }

  /** Remembers what is to be removed, from before it can exist. */
  #tracked(call: Call): Call {
    return async (name, input, signal = this.options.signal) => {
      if (name === 'putObject') this.#keys.add((input as Operations['putObject'][0]).key)
      if (name === 'completeMultipartUpload') this.#keys.add((input as Operations['completeMultipartUpload'][0]).key)
      const output = await call(name, input, signal)
      if (name === 'createMultipartUpload') {
        const { key } = input as Operations['createMultipartUpload'][0]
        this.#multiparts.set((output as Operations['createMultipartUpload'][1]).uploadId, key)
      }
      if (name === 'completeMultipartUpload' || name === 'abortMultipartUpload') {
        this.#multiparts.delete((input as { uploadId: string }).uploadId)
      }
      if (name === 'deleteObjects') {
        for (const key of (input as Operations['deleteObjects'][0]).keys) this.#keys.delete(key)
      }
      return output
    }
  }
}

/** What the SDK, node or the data plane threw, in one form. */
// biome-ignore lint/suspicious/noExplicitAny: whatever was thrown
export function refusalOf(error: any): Refusal {
  if (error instanceof S3Fault && error.cause !== undefined) return refusalOf(error.cause)
  if (error instanceof S3Fault) return { status: error.status, code: error.code, message: error.message }
  const response = error?.$response
  const status = error?.$metadata?.httpStatusCode ?? response?.statusCode ?? 0
  const date = Date.parse(response?.headers?.date ?? '')
  const code = error?.Code ?? (typeof error?.code === 'string' ? error.code : undefined) ?? error?.name ?? ''
  return {
    status,
    code,
    message: String(error?.message ?? error),
    region: response?.headers?.['x-amz-bucket-region'],
    ...(Number.isFinite(date) ? { skew: date - Date.now() } : {}),
  }
}

/** '403 AccessDenied'; the answer to a HEAD has no code. */
export const brief = ({ status, code }: Refusal): string =>
  [status || '', /^(?:Unknown|UnknownError)$/.test(code) && status ? '' : code].filter(Boolean).join(' ')
