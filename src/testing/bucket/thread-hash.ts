/**
 * MD5 and its kin over large bodies, on a thread of their own. S3's ETag is an MD5, at some 600 MB/s by far the slowest
 * thing that happens to a byte here; and the process that embeds this server has better things to do with its own thread.
 * Bodies under one batch are hashed where they are, at once.
 * @module
 */
import { createHash } from 'node:crypto'
import { Worker } from 'node:worker_threads'

const BATCH = 512 * 1024
/** Batches of one body that may be on the way to the thread; more than that and the body has to wait. */
const MAX_UNDERWAY = 4

/** In plain JavaScript, so that it runs wherever this module does, compiled or not. */
const THREAD = `
const { parentPort } = require('node:worker_threads')
const { createHash } = require('node:crypto')
const bodies = new Map()
parentPort.on('message', ({ id, names, batch, size, last }) => {
  if (names) bodies.set(id, names.map((name) => createHash(name)))
  const hashes = bodies.get(id)
  if (last) bodies.delete(id)
  if (!batch) return
  const bytes = new Uint8Array(batch, 0, size)
  for (const hash of hashes) hash.update(bytes)
  const digests = last ? hashes.map((hash) => hash.digest()) : undefined
  parentPort.postMessage({ id, batch, digests }, [batch])
})
`

interface Reply {
  id: number
  batch: ArrayBuffer
  digests?: Uint8Array[]
}

let thread: Worker | undefined
let lastId = 0
const bodies = new Map<number, ThreadHash>()

function theThread(): Worker {
  if (thread !== undefined) return thread
  // Without the flags of this process: a loader among them would cost the thread half a second to start.
  thread = new Worker(THREAD, { eval: true, execArgv: [] })
  thread.on('message', (reply: Reply) => bodies.get(reply.id)?.receive(reply))
  thread.on('error', (error) => {
    thread = undefined
    for (const body of bodies.values()) body.fail(error)
  })
  return thread
}

function keep(id: number, body: ThreadHash): void {
  bodies.set(id, body)
  theThread().ref()
}

/** The thread keeps the process alive for as long as a body waits for it, and no longer. */
function forget(id: number): boolean {
  const known = bodies.delete(id)
  if (bodies.size === 0) thread?.unref()
  return known
}

/** Several hashes of one body. */
export class ThreadHash {
  readonly #id = ++lastId
  readonly #names: readonly string[]
  #pieces: Uint8Array[] = []
  #held = 0
  #started = false
  #underway = 0
  readonly #free: ArrayBuffer[] = []
  #wake = () => {}
  #settle: { resolve(digests: Buffer[]): void; reject(error: Error): void } | undefined
  #error: Error | undefined

  /** @param names as node:crypto knows them */
  constructor(names: readonly string[]) {
    this.#names = names
  }

  /** Keeps `bytes` for a while: they must not change. @returns what to wait for before giving more, if anything */
  update(bytes: Uint8Array): Promise<void> | undefined {
    this.#pieces.push(bytes)
    this.#held += bytes.length
    if (this.#held >= BATCH) this.#post(false)
    if (this.#underway <= MAX_UNDERWAY || this.#error !== undefined) return undefined
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  /** In the order of the names. */
  async finish(): Promise<Buffer[]> {
    if (this.#error !== undefined) throw this.#error
    if (!this.#started) return this.#names.map((name) => this.#hashHere(name))
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      this.#post(true)
    })
  }

  /** To be called when the body did not come to its end. */
  cancel(): void {
    if (forget(this.#id)) thread?.postMessage({ id: this.#id, last: true })
  }

  receive({ batch, digests }: Reply): void {
    this.#underway -= 1
    this.#free.push(batch)
    this.#wake()
    if (digests === undefined) return
    forget(this.#id)
    this.#settle?.resolve(digests.map((digest) => Buffer.from(digest)))
  }

  fail(error: Error): void {
    this.#error = error
    forget(this.#id)
    this.#wake()
    this.#settle?.reject(error)
  }

  #hashHere(name: string): Buffer {
    const hash = createHash(name)
    for (const piece of this.#pieces) hash.update(piece)
    return hash.digest()
  }

  #post(last: boolean): void {
    const free = this.#free.pop()
    const batch =
      free !== undefined && free.byteLength >= this.#held ? free : new ArrayBuffer(Math.max(BATCH, this.#held))
    const bytes = new Uint8Array(batch)
    let at = 0
    for (const piece of this.#pieces) {
      bytes.set(piece, at)
      at += piece.length
    }
    const names = this.#started ? {} : { names: this.#names }
    if (!this.#started) keep(this.#id, this)
    theThread().postMessage({ id: this.#id, ...names, batch, size: this.#held, last }, [batch])
    this.#started = true
    this.#underway += 1
    this.#pieces = []
    this.#held = 0
  }
}
