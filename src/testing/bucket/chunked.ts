/**
 * aws-chunked: `<hex size>[;chunk-signature=<signature>]\r\n<bytes>\r\n`, a chunk of size 0, then trailers. Takes the
 * framed bytes in pieces of any size, gives the bytes inside, and checks each chunk's signature if there are signatures.
 * @module
 */
import { createHash } from 'node:crypto'
import { equal, type Signed, sha256, sign } from './auth.js'
import { S3Error } from './errors.js'

const MAX_LINE = 1024
const MAX_TRAILERS = 16
const EMPTY_HASH = sha256('')

/** Follows the chain of signatures: each chunk is signed together with the signature before it. */
export class ChunkSignatures {
  readonly #signed: Signed
  #previous: string
  #claimed = ''
  #hash = createHash('sha256')

  constructor(signed: Signed) {
    this.#signed = signed
    this.#previous = signed.signature
  }

  begin(claimed: string): void {
    this.#claimed = claimed
    this.#hash = createHash('sha256')
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes)
  }

  end(): void {
    this.#check('AWS4-HMAC-SHA256-PAYLOAD', this.#claimed, [EMPTY_HASH, this.#hash.digest('hex')])
  }

  checkTrailer(trailer: string, claimed: string): void {
    this.#check('AWS4-HMAC-SHA256-TRAILER', claimed, [sha256(trailer)])
  }

  #check(kind: string, claimed: string, hashes: string[]): void {
    const { key, date, scope } = this.#signed
    const signature = sign(key, [kind, date, scope, this.#previous, ...hashes].join('\n'))
    if (!equal(signature, claimed)) throw new S3Error('SignatureDoesNotMatch')
    this.#previous = signature
  }
}

export class ChunkedDecoder {
  /** Complete once `finish` returned. */
  readonly trailers = new Map<string, string>()
  readonly #signatures: ChunkSignatures | undefined
  readonly #signsTrailer: boolean
  #state: 'size' | 'data' | 'data-end' | 'trailer' | 'done' = 'size'
  #left = 0
  #line = ''
  #trailerText = ''

  constructor(signatures?: ChunkSignatures, signsTrailer = false) {
    this.#signatures = signatures
    this.#signsTrailer = signsTrailer
  }

  /** @returns the decoded bytes, as views into `framed`. */
  push(framed: Buffer): Buffer[] {
    const decoded: Buffer[] = []
    let at = 0
    while (at < framed.length) {
      if (this.#state === 'data') {
        const bytes = framed.subarray(at, at + this.#left)
        at += bytes.length
        this.#take(bytes)
        decoded.push(bytes)
      } else {
        const end = framed.indexOf(10, at)
        const stop = end === -1 ? framed.length : end + 1
        this.#line += framed.toString('latin1', at, stop)
        at = stop
        if (this.#line.length > MAX_LINE) throw malformed()
        if (end !== -1) this.#endLine()
      }
    }
    return decoded
  }

  /** To be called at the end of the body. */
  finish(): void {
    // The empty line after the trailers is often left out, by clients and by AWS's own examples.
    if (this.#state === 'trailer' && this.#line === '') this.#end()
    if (this.#state !== 'done') throw new S3Error('IncompleteBody')
  }

  #take(bytes: Buffer): void {
    this.#signatures?.update(bytes)
    this.#left -= bytes.length
    if (this.#left > 0) return
    this.#signatures?.end()
    this.#state = 'data-end'
  }

  #endLine(): void {
    if (!this.#line.endsWith('\r\n')) throw malformed()
    const line = this.#line.slice(0, -2)
    this.#line = ''
    if (this.#state === 'size') this.#beginChunk(line)
    else if (this.#state === 'data-end' && line === '') this.#state = 'size'
    else if (this.#state === 'trailer') line === '' ? this.#end() : this.#addTrailer(line)
    else throw malformed()
  }

  #beginChunk(line: string): void {
    const [, size, signature] = /^([0-9a-fA-F]{1,13})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line) ?? []
    if (size === undefined || (signature === undefined) !== (this.#signatures === undefined)) throw malformed()
    this.#left = Number.parseInt(size, 16)
    this.#signatures?.begin(signature!)
    if (this.#left === 0) this.#signatures?.end()
    this.#state = this.#left === 0 ? 'trailer' : 'data'
  }

  #addTrailer(line: string): void {
    const [, name, value] = /^([^:\s]+):\s*(.*?)\s*$/.exec(line) ?? []
    if (name === undefined || this.trailers.size === MAX_TRAILERS) throw malformed()
    this.trailers.set(name.toLowerCase(), value!)
    if (name.toLowerCase() !== 'x-amz-trailer-signature') this.#trailerText += `${name.toLowerCase()}:${value}\n`
  }

  #end(): void {
    this.#state = 'done'
    if (!this.#signsTrailer) return
    this.#signatures?.checkTrailer(this.#trailerText, this.trailers.get('x-amz-trailer-signature') ?? '')
  }
}

const malformed = () => new S3Error('IncompleteBody', 'The aws-chunked framing of the body is malformed.')
