/**
 * A plain tus client: it sends, and when a request fails it asks for the offset and goes on there. It keeps the server
 * to its word.
 * @module
 */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Run } from './run.js'

/** What can go wrong for whoever trusts a server with bytes. */
export type Harm = 'lost' | 'corrupt' | 'missing' | 'stuck' | 'refused' | 'left over'

export class Broken extends Error {
  readonly harm: Harm

  constructor(harm: Harm, message: string) {
    super(`${harm}: ${message}`)
    this.harm = harm
  }
}

const TUS = { 'Tus-Resumable': '1.0.0' }
const BYTES = { ...TUS, 'Content-Type': 'application/offset+octet-stream' }

export interface Patience {
  /** Tries of one step, failed ones included. */
  tries: number
  /** Milliseconds for one request. */
  timeout: number
}

/** No server under test takes longer to give up. */
const PATIENCE: Patience = { tries: 12, timeout: 20_000 }
/** Milliseconds between two tries. */
const PAUSE = 40

/** After these a client goes on; all others tell it to give up. */
const isPassing = (status: number): boolean => status >= 500 || status === 409 || status === 423 || status === 429

export interface SendOptions {
  /** Sent with the request. */
  length?: number
  checksum?: boolean
  /** Milliseconds between two pieces of the body, of a part's size each. */
  pace?: number
}

export class Client {
  /** The largest offset that was told. */
  told = 0
  path = ''
  readonly #run: Run
  readonly #bytes: Buffer
  readonly #patience: Patience
  /** Where to go on; undefined if it must be asked. */
  #at: number | undefined

  constructor(run: Run, bytes: Buffer, patience: Patience = PATIENCE) {
    this.#run = run
    this.#bytes = bytes
    this.#patience = patience
  }

  /** Bytes of the file. */
  get length(): number {
    return this.#bytes.length
  }

  /** Of the object in the bucket; other servers add the multipart upload to it. */
  get key(): string {
    return this.#run.prefix + decodeURIComponent(this.path).split('+')[0]!
  }

  /** The upload's URL at this node. */
  async url(node: string): Promise<string> {
    return (await this.#run.url(node)) + this.path
  }

  /** POST until an upload was created. */
  async create(node: string, fields: Record<string, string>, body?: Buffer): Promise<void> {
    const location = await this.#persist('POST', async () => {
      const headers = { ...(body ? BYTES : TUS), ...fields }
      const answer = await this.#ask(await this.#run.url(node), { method: 'POST', headers, ...(body ? { body } : {}) })
      if (answer?.status !== 201) return undefined
      if (body) this.#tell(answer)
      return answer.headers.get('Location') ?? undefined
    })
    this.path = location.slice(location.lastIndexOf('/') + 1)
  }

  /** PATCH from where the server is up to `end`, as often as it takes. */
  async send(node: string, end: number, options: SendOptions = {}): Promise<void> {
    await this.#persist(`PATCH up to ${end}`, async () => {
      this.#at ??= await this.#offset(node)
      if (this.#at === undefined) return undefined
      if (this.#at >= end && options.length === undefined) return true
      const answer = await this.#patch(node, this.#at, end, options)
      this.#at = answer?.status === 204 ? this.#tell(answer) : undefined
      return this.#at !== undefined && this.#at >= end ? true : undefined
    })
  }

  /** Sends the rest of a file that is not what was said of it, until that is found out. */
  async sendInVain(node: string): Promise<void> {
    await this.#persist('PATCH of what must be refused', async () => {
      const asked = await this.#ask(await this.url(node), { method: 'HEAD', headers: TUS }, [410])
      if (asked?.status !== 200) return asked?.status === 410 || undefined
      const offset = this.#tell(asked)
      if (offset === this.#bytes.length) throw new Broken('corrupt', 'complete, with another digest than was said')
      const answer = await this.#patch(node, offset, this.#bytes.length, {}, [400, 410])
      if (answer?.status === 204) throw new Broken('corrupt', 'taken, with another digest than was said')
      return answer ? true : undefined
    })
  }

  /** HEAD until it is told that there is no such upload any more. */
  async mustHaveEnded(node: string): Promise<void> {
    await this.#persist('HEAD of what has ended', async () => {
      const answer = await this.#ask(await this.url(node), { method: 'HEAD', headers: TUS }, [404, 410])
      if (answer && answer.status < 400) throw new Broken('left over', `HEAD of what has ended: ${answer.status}`)
      return answer ? true : undefined
    })
  }

  /** Sends again without looking, as if the answer had been lost; for the states in which scenarios begin. */
  async patchOnce(node: string, end: number): Promise<Response | undefined> {
    const answer = await this.#patch(node, this.told, end, {})
    this.#at = undefined
    if (answer?.status === 204) this.#tell(answer)
    return answer
  }

  /** HEAD until the offset is told. */
  async head(node: string): Promise<number> {
    return this.#persist('HEAD', () => this.#offset(node))
  }

  /** DELETE until the upload is gone. */
  async terminate(node: string): Promise<void> {
    await this.#persist('DELETE', async () => {
      const answer = await this.#ask(await this.url(node), { method: 'DELETE', headers: TUS }, [404, 410])
      return answer && [204, 404, 410].includes(answer.status) ? true : undefined
    })
  }

  /** GET until the content came whole, going on with ranges. What comes must be the file, whatever happened. */
  async download(node: string): Promise<void> {
    let got = Buffer.alloc(0)
    await this.#persist('GET', async () => {
      const range: Record<string, string> = got.length > 0 ? { Range: `bytes=${got.length}-` } : {}
      const answer = await this.#ask(await this.url(node), { headers: range })
      if (answer?.status !== 200 && answer?.status !== 206) return undefined
      try {
        for await (const chunk of answer.body!) got = Buffer.concat([got, chunk])
      } catch {
        this.#run.recovered()
      }
      if (!got.equals(this.#bytes.subarray(0, got.length))) throw new Broken('corrupt', 'GET gave other bytes')
      return got.length === this.#bytes.length ? true : undefined
    })
  }

  async #persist<T>(what: string, step: () => Promise<T | undefined>): Promise<T> {
    for (let tries = 1; ; tries++) {
      const result = await step()
      if (result !== undefined) return result
      if (tries === this.#patience.tries)
        throw new Broken('stuck', `${what} comes to nothing, again and again (${this.#last})`)
      await sleep(PAUSE)
    }
  }

  #last = ''

  /** @returns undefined if there was no answer, or one after which to try again @throws Broken for a refusal */
  async #ask(url: string, init: RequestInit, allowed: readonly number[] = []): Promise<Response | undefined> {
    const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(this.#patience.timeout) }).catch(
      (error: Error) => {
        this.#last = String(error.cause ?? error)
        return undefined
      },
    )
    if (answer === undefined || isPassing(answer.status)) {
      if (answer) this.#last = `${answer.status} ${(await answer.text()).trim()}`
      this.#run.recovered()
      return undefined
    }
    if (answer.status >= 400 && !allowed.includes(answer.status)) {
      throw new Broken('refused', `${init.method ?? 'GET'}: ${answer.status} ${(await answer.text()).trim()}`)
    }
    return answer
  }

  async #offset(node: string): Promise<number | undefined> {
    const answer = await this.#ask(await this.url(node), { method: 'HEAD', headers: TUS })
    // A final upload that is still being joined tells none.
    return answer?.status === 200 && answer.headers.has('Upload-Offset') ? this.#tell(answer) : undefined
  }

  #tell(answer: Response): number {
    const offset = Number(answer.headers.get('Upload-Offset'))
    if (offset < this.told) throw new Broken('lost', `${this.told} was told, and now ${offset}`)
    if (!(offset <= this.#bytes.length)) throw new Broken('corrupt', `${offset} of ${this.#bytes.length} bytes`)
    this.told = offset
    return offset
  }

  async #patch(
    node: string,
    from: number,
    end: number,
    { length, checksum, pace }: SendOptions,
    allowed: readonly number[] = [],
  ): Promise<Response | undefined> {
    const piece = this.#bytes.subarray(from, end)
    const headers: Record<string, string> = { ...BYTES, 'Upload-Offset': String(from) }
    if (length !== undefined) headers['Upload-Length'] = String(length)
    if (checksum) headers['Upload-Checksum'] = `sha1 ${createHash('sha1').update(piece).digest('base64')}`
    const body = pace === undefined ? { body: piece } : { body: paced(piece, this.#run.target.partSize, pace) }
    const init = { method: 'PATCH', headers, ...body, ...(pace === undefined ? {} : { duplex: 'half' }) }
    return this.#ask(await this.url(node), init as RequestInit, allowed)
  }
}

async function* paced(bytes: Buffer, size: number, pace: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) {
    if (at > 0) await sleep(pace)
    yield bytes.subarray(at, at + size)
  }
}
