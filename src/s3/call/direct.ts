/**
 * The data plane: UploadPart and PutObject signed here and sent by node:http(s), with the endpoint and credentials of
 * an AWS SDK client (docs/decisions/0002-own-data-plane.md tells what that saves against the SDK).
 * @module
 */
import { createHash } from 'node:crypto'
import type { S3Client } from '@aws-sdk/client-s3'
import { base64OfCrc32 } from '../../store/crc32.js'
import type { OperationName, Operations, Payload, Stored } from './call.js'
import { type Constants, NO_CONSTANTS } from './constants.js'
import { headersOf } from './description.js'
import { S3Fault } from './faults.js'
import { ClockFault, type Origin, originOf, put } from './put.js'
import { type Credentials, canonicalQuery, encodeKey, presign, sign } from './sign.js'

type DataOperation = 'putObject' | 'uploadPart'

export interface DirectOptions {
  bucket: string
  /** Milliseconds without any progress on the connection after which a try is given up. */
  idleTimeout: number
  /** Sends no checksum along with the bytes. */
  disableContentHashes: boolean
  /** What goes along with each request. */
  constants?: Constants
}

export interface DirectPlane {
  send(name: DataOperation, input: Operations[DataOperation][0], signal?: AbortSignal): Promise<Stored>
  /**
   * A URL by which anybody may read the object.
   * @param expiresIn milliseconds; at most 7 days, and no longer than the credentials live
   * @param answer fields of the answer, such as `response-content-type`
   */
  presign(key: string, expiresIn: number, answer: Record<string, string>): Promise<string>
  close(): void
}

export function directPlane(client: S3Client, options: DirectOptions): DirectPlane {
  const { disableContentHashes, idleTimeout, constants = NO_CONSTANTS } = options
  let origin: Origin | undefined
  const target = once(async () => {
    const { url, region } = await resolveTarget(client, options.bucket)
    origin = originOf(url)
    return { origin, region, host: url.host, base: url.pathname.replace(/\/$/, '') }
  })
  /** Milliseconds by which S3's clock is ahead of ours, once it refused a request for that. */
  let skew = 0
  return {
    async send(name, input, signal) {
      const { origin, region, host, base } = await target()
      const credentials = await credentialsOf(client, name)
      const { body } = input
      const { headers, query } = describe(name, input, host, disableContentHashes)
      Object.assign(headers, constants.headersOf(name))
      if (body.md5 && !disableContentHashes) headers['content-md5'] = await md5Of(body)
      const path = `${base}/${encodeKey(input.key)}`
      const now = new Date(Date.now() + skew)
      Object.assign(headers, sign('PUT', path, query, headers, credentials, region, now))
      headers['content-length'] = String(body.length)
      const search = canonicalQuery(query)
      try {
        return await put(
          origin,
          { name, path: search ? `${path}?${search}` : path, headers, body, idleTimeout },
          signal,
        )
      } catch (error) {
        if (error instanceof ClockFault) skew = error.serverTime - Date.now()
        throw error
      }
    },
    async presign(key, expiresIn, answer) {
      const { origin, region, host, base } = await target()
      const credentials = await credentialsOf(client, 'getObject')
      const path = `${base}/${encodeKey(key)}`
      const query = presign(path, { ...answer, ...constants.queryOf() }, host, credentials, region, {
        now: new Date(Date.now() + skew),
        seconds: Math.max(1, Math.floor(expiresIn / 1_000)),
      })
      return `${origin.ready === 'secureConnect' ? 'https' : 'http'}://${host}${path}?${query}`
    },
    close: () => origin?.agent.destroy(),
  }
}

function credentialsOf(client: S3Client, name: OperationName): Promise<Credentials> {
  return client.config.credentials().catch((cause: unknown) => {
    throw new S3Fault(name, 403, 'CredentialsUnavailable', 'the credentials could not be had', cause)
  })
}

/** Where the SDK would send requests for the bucket, asked of its own rules. */
async function resolveTarget(client: S3Client, bucket: string): Promise<{ url: URL; region: string }> {
  const { config } = client
  const region = await config.region()
  const custom = config.endpoint ? await config.endpoint() : undefined
  const endpoint =
    custom && `${custom.protocol}//${custom.hostname}${custom.port ? `:${custom.port}` : ''}${custom.path}`
  const { url } = config.endpointProvider({
    Bucket: bucket,
    Region: region,
    ...(endpoint ? { Endpoint: endpoint } : {}),
    ForcePathStyle: Boolean(config.forcePathStyle),
    UseFIPS: Boolean(await config.useFipsEndpoint()),
    UseDualStack: Boolean(await config.useDualstackEndpoint()),
    Accelerate: Boolean(config.useAccelerateEndpoint),
  })
  return { url, region }
}

/** The headers and query of an operation, before the signature. */
function describe(
  name: DataOperation,
  input: Operations[DataOperation][0],
  host: string,
  withoutChecksum: boolean,
): { headers: Record<string, string>; query: Record<string, string> } {
  const headers: Record<string, string> = { host }
  const { crc32 } = input.body
  if (crc32 !== undefined && !withoutChecksum) headers['x-amz-checksum-crc32'] = base64OfCrc32(crc32)
  if (name === 'uploadPart') {
    const { uploadId, partNumber } = input as Operations['uploadPart'][0]
    return { headers, query: { partNumber: String(partNumber), uploadId } }
  }
  const { ifMatch, ifAbsent } = input as Operations['putObject'][0]
  Object.assign(headers, headersOf(input as Operations['putObject'][0]))
  if (ifMatch) headers['if-match'] = ifMatch
  if (ifAbsent) headers['if-none-match'] = '*'
  return { headers, query: {} }
}

/** Of megabytes at once, so that hashing a part does not hold up all other uploads. */
async function md5Of(body: Payload): Promise<string> {
  const hash = createHash('md5')
  let since = 0
  for await (const chunk of body.chunks()) {
    hash.update(chunk)
    since += chunk.length
    if (since < 1024 * 1024) continue
    since = 0
    await new Promise(setImmediate)
  }
  body.returned?.()
  return hash.digest('base64')
}

/** Calls `make` until it succeeded once; then keeps what it gave. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make().catch((error) => {
      made = undefined
      throw error
    })
    return made
  }
}
