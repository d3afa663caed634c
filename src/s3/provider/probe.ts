/**
 * Asks the bucket itself what its provider does: some servers ignore the headers of a conditional write without a word,
 * and a store that believed them would lose bytes. A handful of requests on one key of its own, removed afterwards.
 *
 * What it cannot see is whether a condition and its write are one step: `holdfast doctor` tries that with a race.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { type Call, type PutObject, payloadOf } from '../call/call.js'
import { isClear, means, S3Fault } from '../call/faults.js'
import type { Capabilities } from './capabilities.js'
import { askOfWhole } from './whole.js'

export interface ProbeResult {
  /** What was found out; what is absent could not be. */
  readonly found: Partial<Pick<Capabilities, 'conditionalWrites' | 'checksums' | 'missingKey' | 'fullObjectChecksums'>>
  /** Whether all that was asked was found out; if not, the probe is worth repeating. */
  readonly complete: boolean
  /** Sentences for the log: why something is not as on AWS, or could not be found out. */
  readonly notes: readonly string[]
}

export interface ProbeOptions {
  /** Before the key of the probe: the prefix of the records, where the credentials may surely write. */
  prefix: string
  /** What need not be asked. */
  known?: Partial<Capabilities>
  /** For tests: milliseconds to wait when the key was written too soon, or S3 is slow. */
  throttleDelay?: number
  signal?: AbortSignal | undefined
}

/** Tries of one request that got no clear answer. */
const ATTEMPTS = 3
/** Milliseconds after which a key may surely be written again: the strictest providers take one write a second. */
const THROTTLE_DELAY = 1_100
const NO_ANSWER_DELAY = 200

export const PROBE_MARK = '.holdfast-probe-'

/**
 * @param call without retries and without wrappers that hide what the provider does
 * @throws S3Fault if there was no clear answer: the probe is to be repeated
 */
export async function probeProvider(call: Call, options: ProbeOptions): Promise<ProbeResult> {
  const probe = new Probe(call, options)
  try {
    await probe.readMissing()
    if (await probe.create()) {
      await probe.conditions()
      await probe.wrongChecksum()
      await probe.readExisting()
      await probe.wholeObject()
    }
  } finally {
    await probe.remove()
  }
  return { found: probe.found, notes: probe.notes, complete: probe.isComplete }
}

type Outcome = { etag: string; fault?: undefined } | { fault: S3Fault }

const bare = (etag: string): string => etag.replace(/^W\//, '').replaceAll('"', '')
const ETAG_FORMS = { quoted: (etag: string) => `"${bare(etag)}"`, unquoted: bare }

class Probe {
  readonly found: { -readonly [Name in keyof ProbeResult['found']]: ProbeResult['found'][Name] } = {}
  readonly notes: string[] = []
  readonly #key: string
  readonly #call: Call
  readonly #options: ProbeOptions
  #etag = ''
  /** What the object holds. */
  #content: Uint8Array = new Uint8Array()
  #mayExist = false
  #wroteAt = 0
  #readIsDenied = false

  constructor(call: Call, options: ProbeOptions) {
    this.#call = call
    this.#options = options
    this.#key = `${options.prefix}${PROBE_MARK}${randomBytes(12).toString('hex')}`
  }

  get isComplete(): boolean {
    const all = { ...this.#options.known, ...this.found }
    return all.conditionalWrites !== undefined && all.checksums !== undefined && all.missingKey !== undefined
  }

  /** How a key that does not exist is refused depends on the right to list the bucket. */
  async readMissing(): Promise<void> {
    if (this.#options.known?.missingKey !== undefined) return
    const fault = await this.#read()
    if (means(fault, 'missing-object')) this.found.missingKey = 'absent'
    else if (means(fault, 'denied')) this.#readIsDenied = true
  }

  /** Whether it was denied for want of GetObject, or of ListBucket, the object tells once it exists. */
  async readExisting(): Promise<void> {
    if (!this.#readIsDenied) return
    const fault = await this.#read()
    if (fault === undefined) this.found.missingKey = 'denied'
    else this.notes.push(`GetObject is refused (${brief(fault)})`)
  }

  /** @returns whether there is an object now, with which to go on */
  async create(): Promise<boolean> {
    const conditional = this.#options.known?.conditionalWrites === undefined
    const checked = this.#options.known?.checksums === undefined
    if (!conditional && !checked && !this.#readIsDenied && !this.#asksForWhole) return false
    // Both at once, as the store does it; apart only to find out which of the two is not taken.
    const tries = [
      { conditional, checked },
      { conditional, checked: false },
      { conditional: false, checked },
      { conditional: false, checked: false },
    ].filter((one, at, all) => all.findIndex((other) => isSame(one, other)) === at)
    let first: S3Fault | undefined
    for (const { conditional: withCondition, checked: withChecksum } of tries) {
      const outcome = await this.#put({ ifAbsent: withCondition }, withChecksum ? 'right' : 'none')
      if (outcome.fault) {
        first ??= outcome.fault
        if (means(outcome.fault, 'denied')) break
        continue
      }
      if (checked) this.found.checksums = withChecksum
      if (checked && !withChecksum) this.notes.push(`x-amz-checksum-crc32 is refused (${brief(first)})`)
      if (conditional && !withCondition) this.#without(`If-None-Match is refused (${brief(first)})`)
      return true
    }
    this.notes.push(`PutObject is refused (${brief(first)})`)
    return false
  }

  async conditions(): Promise<void> {
    if (this.#options.known?.conditionalWrites !== undefined || this.found.conditionalWrites === 'none') return
    const stale = this.#etag
    const again = await this.#put({ ifAbsent: true })
    if (!again.fault) return this.#without('If-None-Match is ignored')
    if (!means(again.fault, 'precondition')) return this.#refuses('If-None-Match', again.fault)
    for (const form of ['quoted', 'unquoted'] as const) {
      const replaced = await this.#put({ ifMatch: ETAG_FORMS[form](this.#etag) })
      if (replaced.fault) {
        if (means(replaced.fault, 'precondition')) continue
        return this.#refuses('If-Match', replaced.fault)
      }
      const late = await this.#put({ ifMatch: ETAG_FORMS[form](stale) })
      if (!late.fault) return this.#without('If-Match is ignored')
      if (!means(late.fault, 'precondition')) return this.#refuses('If-Match', late.fault)
      this.found.conditionalWrites = form
      if (form === 'unquoted') this.notes.push('If-Match holds for ETags without quotes only')
      return
    }
    this.#without('If-Match holds for no ETag')
  }

  /** Nothing depends on it: CRC32 is sent either way. But who relies on it should know. */
  async wrongChecksum(): Promise<void> {
    if (!this.found.checksums) return
    const { fault } = await this.#put({}, 'wrong')
    if (fault === undefined) this.notes.push('x-amz-checksum-crc32 is taken, but not verified')
  }

  get #asksForWhole(): boolean {
    const { checksums, fullObjectChecksums } = { ...this.#options.known, ...this.found }
    return fullObjectChecksums === undefined && checksums !== false
  }

  async wholeObject(): Promise<void> {
    if (!this.#asksForWhole) return
    const { fullObjectChecksums, note } = await askOfWhole(this.#asked, this.#key, this.#content)
    this.found.fullObjectChecksums = fullObjectChecksums
    if (note !== undefined) this.notes.push(note)
  }

  /** At the pace of the provider. */
  readonly #asked: Call = (name, input) =>
    this.#answered(async () => {
      if (name === 'completeMultipartUpload') await this.#interval()
      try {
        return await this.#call(name, input, this.#options.signal)
      } finally {
        this.#wroteAt = Date.now()
      }
    })

  #interval(): Promise<void> {
    return sleep(Math.max(0, this.#wroteAt + (this.#options.known?.writeInterval ?? 0) - Date.now()))
  }

  async remove(): Promise<void> {
    if (!this.#mayExist) return
    await this.#call('deleteObjects', { keys: [this.#key] }).catch((error) => {
      this.notes.push(`${this.#key} could not be removed (${brief(error)})`)
    })
  }

  /** A right that is missing, or missing for a moment, says nothing of conditions: it is found out another time. */
  #refuses(header: string, fault: S3Fault): void {
    const note = `${header} is refused (${brief(fault)})`
    if (means(fault, 'denied')) this.notes.push(note)
    else this.#without(note)
  }

  #without(reason: string): void {
    this.found.conditionalWrites = 'none'
    this.notes.push(reason)
  }

  async #read(): Promise<S3Fault | undefined> {
    const outcome = await this.#tried(async () => {
      const { body, etag } = await this.#call('getObject', { key: this.#key }, this.#options.signal)
      for await (const _ of body);
      return { etag }
    })
    return outcome.fault
  }

  /** Each body is another, so that no two ETags are equal. */
  async #put(
    condition: Pick<PutObject, 'ifAbsent' | 'ifMatch'>,
    checksum: 'none' | 'right' | 'wrong' = 'none',
  ): Promise<Outcome> {
    const bytes = Buffer.from(`Holdfast asks what this bucket does. ${randomBytes(12).toString('hex')}\n`)
    const crc = checksum === 'none' ? undefined : crc32(bytes) ^ (checksum === 'wrong' ? 1 : 0)
    const body = payloadOf([bytes], bytes.length, crc === undefined ? undefined : crc >>> 0)
    const { signal } = this.#options
    const input = { key: this.#key, body, data: false, contentType: 'text/plain', ...condition }
    await this.#interval()
    const outcome = await this.#tried(async (attempt) => {
      this.#mayExist = true
      try {
        return await this.#call('putObject', input, signal)
      } catch (error) {
        // An earlier try may have been done unheard: a condition that fails now says nothing.
        if (attempt === 1 || !means(error, 'precondition')) throw error
        return await this.#ours(bytes, error)
      } finally {
        this.#wroteAt = Date.now()
      }
    })
    if (!outcome.fault && checksum !== 'wrong') this.#etag = outcome.etag
    if (!outcome.fault) this.#content = bytes
    return outcome
  }

  /** @throws `error` if the object is not the one that was to be written */
  async #ours(bytes: Buffer, error: S3Fault): Promise<{ etag: string }> {
    const { body, etag } = await this.#call('getObject', { key: this.#key }, this.#options.signal)
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(chunk)
    if (!bytes.equals(Buffer.concat(chunks))) throw error
    return { etag }
  }

  async #tried(request: (attempt: number) => Promise<{ etag: string }>): Promise<Outcome> {
    try {
      return await this.#answered(request)
    } catch (error) {
      if (error instanceof S3Fault && isClear(error)) return { fault: error }
      throw error
    }
  }

  /** Tries until there is a clear answer. @throws S3Fault */
  async #answered<T>(request: (attempt: number) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request(attempt)
      } catch (error) {
        const isLast = attempt === ATTEMPTS || this.#options.signal?.aborted
        if (!(error instanceof S3Fault) || isClear(error) || isLast) throw error
        await sleep(error.meaning === 'throttled' ? (this.#options.throttleDelay ?? THROTTLE_DELAY) : NO_ANSWER_DELAY)
      }
    }
  }
}

const isSame = (a: { conditional: boolean; checked: boolean }, b: typeof a): boolean =>
  a.conditional === b.conditional && a.checked === b.checked

const brief = (error: unknown): string =>
  error instanceof S3Fault ? [error.status || '', error.code].filter(Boolean).join(' ') : String(error)
