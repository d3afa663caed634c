/**
 * `holdfast upload`: sends files, each from where an earlier run ended. URLs of finished uploads go to stdout.
 * @module
 */
import { constants, createReadStream } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { type DetailedError, Upload, type UploadOptions, type UrlStorage } from 'tus-js-client'
import { UsageError } from './failure.js'
import { fileTypeOf } from './file-types.js'
import { Progress } from './progress.js'
import type { Options } from './read-options.js'
import { type FileIdentity, fingerprintOf, openState, statePath } from './state.js'

/** Milliseconds before each further try; the last one repeats. */
const DELAYS = [0, 500, 1_000, 2_000, 5_000, 10_000]

interface Job {
  readonly endpoint: string
  readonly options: Options<'upload'>
  readonly headers: Record<string, string>
  readonly metadata: Record<string, string>
  readonly storage: UrlStorage
  readonly progress: Progress
}

export async function upload(
  files: readonly string[],
  options: Options<'upload'>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const endpoint = endpointOf(options.to)
  const headers = pairs('--header', options.header, ':')
  const metadata = pairs('--metadata', options.metadata, '=')
  const storage = openState(options.state ?? statePath(environment))
  const progress = new Progress()
  process.once('SIGINT', () => {
    progress.close()
    console.error('Stopped. Run the same command again to resume.')
    process.exit(1)
  })
  const job = { endpoint, options, headers, metadata, storage, progress }
  const waiting = [...files]
  const work = async (): Promise<void> => {
    for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) await sendOrTell(path, job)
  }
  await Promise.all(Array.from({ length: options.parallel }, work))
  progress.close()
}

function endpointOf(to: string | undefined): string {
  if (to === undefined)
    throw new UsageError('--to: the URL to upload to is needed, such as http://127.0.0.1:1080/files/.')
  if (!URL.canParse(to) || !/^https?:$/.test(new URL(to).protocol)) {
    throw new UsageError(`--to: '${to}' is not a URL that begins with http:// or https://.`)
  }
  return to
}

function pairs(flag: string, lines: readonly string[] | undefined, separator: string): Record<string, string> {
  return Object.fromEntries(
    (lines ?? []).map((line) => {
      const at = line.indexOf(separator)
      if (at < 1) throw new UsageError(`${flag}: '${line}' has no name before a '${separator}'.`)
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()]
    }),
  )
}

/** One file that fails does not keep the others from being sent. */
async function sendOrTell(path: string, job: Job): Promise<void> {
  try {
    const url = await send(path, job)
    job.progress.remove(path)
    job.progress.say(`${path}: done`)
    console.log(url)
  } catch (error) {
    job.progress.remove(path)
    job.progress.say(`${path}: failed: ${reasonOf(error as Error)}`)
    process.exitCode = 1
  }
}

async function send(path: string, job: Job): Promise<string> {
  const facts = await stat(path)
  await access(path, constants.R_OK)
  if (!facts.isFile()) throw new Error('it is not a file')
  const identity: FileIdentity = { path, size: facts.size, modified: facts.mtimeMs }
  const fingerprint = fingerprintOf(identity, job.endpoint)
  const { promise, resolve, reject } = deferred<void>()
  const client = new Upload(createReadStream(path) as never, {
    ...optionsOf(path, job),
    fingerprint: async () => fingerprint,
    onSuccess: () => resolve(),
    onError: reject,
  })
  const [earlier] = await client.findPreviousUploads()
  if (earlier) {
    job.progress.say(`${path}: resuming`)
    client.resumeFromPreviousUpload(earlier)
  }
  client.start()
  await promise
  return client.url ?? ''
}

function optionsOf(path: string, { endpoint, options, headers, metadata, storage, progress }: Job): UploadOptions {
  const name = basename(path)
  return {
    endpoint,
    headers,
    metadata: { filename: name, filetype: fileTypeOf(name), ...metadata },
    urlStorage: storage,
    removeFingerprintOnSuccess: true,
    retryDelays: Array.from({ length: options.retries }, (_, index) => DELAYS[Math.min(index, DELAYS.length - 1)]!),
    ...(options.chunkSize === undefined ? {} : { chunkSize: options.chunkSize }),
    onProgress: (sent, total) => progress.update(path, sent, total),
    onShouldRetry: (error) => {
      const isWorthIt = isWorthRetrying(error)
      if (isWorthIt) progress.note(path, 'trying again')
      return isWorthIt
    },
  }
}

/** Refusals stay; everything else may pass: no connection, a server that restarts, another writer. */
function isWorthRetrying(error: DetailedError): boolean {
  const status = error.originalResponse?.getStatus() ?? 0
  return status < 400 || status >= 500 || [409, 423, 429].includes(status)
}

function reasonOf(error: Error | DetailedError): string {
  const response = 'originalResponse' in error ? error.originalResponse : null
  const { causingError } = error as Partial<DetailedError>
  return response?.getBody()?.trim() || causingError?.message || error.message
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
