/**
 * The client of one upload: sends what an action says, and holds each answer against the model.
 * @module
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Action, type Append, type Creation, NODES } from './actions.js'
import { Model } from './model.js'
import type { Answer, Sent } from './request.js'
import { ENDING, textOf, type World } from './world.js'

const PATCH = { 'Content-Type': 'application/offset+octet-stream' }

const STATUSES: Record<string, readonly number[]> = {
  POST: [0, 201, 413, 460, 503],
  PATCH: [0, 204, 400, 404, 409, 410, 413, 423, 460, 503],
  HEAD: [0, 200, 404, 409, 410, 423, 503],
  GET: [0, 200, 206, 404, 409, 410, 416, 503],
  DELETE: [0, 204, 404, 409, 410, 423, 503],
}

export class Client {
  readonly model: Model
  /** Undefined if the creation was not answered. */
  id: string | undefined
  /** A final upload was to be made of it, and may have left a note. */
  isJoined = false
  readonly #world: World
  readonly #creation: Creation
  /** The offset at which the client believes the upload to be; undefined if it has to ask. */
  #view: number | undefined
  /** The digest of the object, once it was told to be there. */
  #digest: string | undefined

  constructor(world: World, creation: Creation, seed: number) {
    this.#world = world
    this.#creation = creation
    this.model = new Model(creation.size, creation.deferred, seed)
  }

  #url(node: number): string {
    return this.#world.url(node, this.id)
  }

  async #send(sent: Sent): Promise<Answer> {
    const answer = await this.#world.send(sent, STATUSES[sent.method]!, this.model.mayFail)
    const isGone = answer.status === 404 || answer.status === 410
    if (isGone) assert.ok(this.mayBeGone, `nobody ended it: ${textOf(sent, answer)}`)
    return answer
  }

  get mayBeGone(): boolean {
    return this.model.ended !== 'no' || this.model.mayFail
  }

  async create(): Promise<void> {
    const { size, deferred } = this.#creation
    const first = this.#creation.first && this.#variantOf(this.#creation.first)
    const declares = deferred ? { 'Upload-Defer-Length': '1' } : { 'Upload-Length': String(size) }
    const body = first && this.#body({ ...first, upload: 0, beside: 0, declares: false }, 0)
    const concat = this.#world.scenario.isPartial ? { 'Upload-Concat': 'partial' } : {}
    const fields = { ...declares, ...concat, ...(body ? { ...PATCH, ...body.fields } : {}) }
    if (body && first) this.model.attempt(first.variant, 0, body.sent, body.isWhole)
    const answer = await this.#send({
      method: 'POST',
      url: this.#world.url(first?.node ?? 0),
      fields,
      ...(body ? { body: body.body } : {}),
    })
    if (answer.status !== 201) return void this.#world.unanswered++
    this.id = String(answer.fields.location).split('/').at(-1)!
    this.#world.known.add(this.id)
    this.#view = body ? Number(answer.fields['upload-offset']) : 0
    if (first?.checksum === 'wrong' && body!.sent > 0)
      assert.equal(this.#view, 0, 'a wrong checksum counts for nothing')
    if (first) this.model.stored(first.variant, 0, this.#view)
    if (this.#view === size && !deferred) await this.#isFinished()
  }

  /** @returns the answer's status */
  async ask(node: number): Promise<number> {
    const { told, ended } = this.model
    const answer = await this.#send({ method: 'HEAD', url: this.#url(node), fields: {} })
    if (answer.status !== 200) return answer.status
    assert.notEqual(ended, 'told', 'what was terminated is not told any more')
    const offset = Number(answer.fields['upload-offset'])
    this.model.tell(offset, told)
    this.#view = offset
    const length = answer.fields['upload-length']
    if (length !== undefined) assert.equal(length, String(this.model.size))
    if (this.model.length === 'declared') assert.notEqual(length, undefined, 'a declared length stays')
    if (length !== undefined) this.model.length = 'declared'
    if (length !== undefined && offset === this.model.size) await this.#isFinished()
    return answer.status
  }

  async append(asked: Append): Promise<void> {
    const append = this.#variantOf(asked)
    if (this.#view === undefined) await this.ask(append.node)
    const from = Math.max(0, (this.#view ?? this.model.told) + append.beside)
    const { told, ended, size } = this.model
    const declares = append.declares && this.model.length !== 'declared'
    const { body, fields, sent, isWhole } = this.#body(append, from)
    if (declares) this.model.length = 'unknown'
    this.model.attempt(append.variant, from, append.checksum === 'wrong' ? 0 : sent, isWhole)
    const answer = await this.#send({
      method: 'PATCH',
      url: this.#url(append.node),
      fields: {
        ...PATCH,
        ...fields,
        'Upload-Offset': String(from),
        ...(declares ? { 'Upload-Length': String(size) } : {}),
      },
      body,
    })
    this.#view = undefined
    const offset = answer.fields['upload-offset']
    if (answer.status !== 204) {
      if (offset !== undefined) this.model.tell(Number(offset), 0)
      return
    }
    assert.notEqual(ended, 'told', 'what was terminated takes nothing')
    // A finished upload takes no bytes, and says so by its offset, as tusd does.
    if (from < size || Number(offset) !== size) {
      assert.equal(Number(offset), from + body.bytes.length, 'a success stored the whole body')
      assert.ok(append.checksum !== 'wrong', 'a wrong checksum is no success')
    }
    assert.ok(Number(offset) >= told, `${offset} is told, though ${told} was told before`)
    this.model.stored(append.variant, from, Number(offset))
    this.#view = Number(offset)
    if (declares) this.model.length = 'declared'
    if (this.model.length === 'declared' && Number(offset) === size) await this.#isFinished()
  }

  #variantOf<T extends Pick<Append, 'variant'>>(append: T): T {
    return this.#world.scenario.differs ? append : { ...append, variant: 0 }
  }

  /** Beyond the length is sent only by the excessive; while the server does not know the length, by nobody. */
  #body(append: Append, from: number) {
    const { variant, size, excessive, chunks, saysLength, checksum, cut } = append
    const room = Math.max(0, this.model.size - from)
    const mayExceed = excessive && this.model.length === 'declared'
    const own = this.model.contents[variant].subarray(from, from + (mayExceed ? room : Math.min(size, room)))
    const bytes = mayExceed ? Buffer.concat([own, Buffer.alloc(1 + size)]) : own
    const sent = cut === undefined ? bytes.length : Math.floor(cut * bytes.length)
    const digested = checksum === 'wrong' ? Buffer.concat([bytes, Buffer.from('!')]) : bytes
    const digest = createHash('sha256').update(digested).digest('base64')
    return {
      body: { bytes, chunks, saysLength, cut: cut === undefined ? undefined : sent },
      fields: checksum === 'none' ? {} : { 'Upload-Checksum': `sha256 ${digest}` },
      sent,
      isWhole: checksum !== 'none',
    }
  }

  async read({ node, first, last }: Extract<Action, { kind: 'read' }>): Promise<void> {
    const range = `bytes=${Math.min(first, last)}-${Math.max(first, last)}`
    const answer = await this.#send({ method: 'GET', url: this.#url(node), fields: { Range: range } })
    if (answer.status !== 200 && answer.status !== 206) return
    const object = await this.#world.ground.object(this.id!)
    if (object === undefined) return assert.notEqual(this.model.ended, 'no', 'what is read is there')
    const part = answer.status === 200 ? object : object.subarray(Math.min(first, last), Math.max(first, last) + 1)
    assert.ok(part.equals(answer.body), 'what is read is the object')
    await this.#isFinished()
  }

  async terminate(node: number): Promise<void> {
    if (this.model.ended === 'no') this.model.ended = 'asked'
    const { status } = await this.#send({ method: 'DELETE', url: this.#url(node), fields: {} })
    if (status === 204) this.model.ended = 'told'
    this.#view = undefined
  }

  /** Told as finished: then the object is there, made of what was sent, and stays the same. */
  async #isFinished(): Promise<void> {
    const object = await this.#world.ground.object(this.id!)
    if (object === undefined) return assert.notEqual(this.model.ended, 'no', 'what is told as finished is there')
    this.isMadeOf(object)
  }

  /** Also what a final upload has of it. */
  isMadeOf(object: Buffer): void {
    this.model.isFinished = true
    this.model.check(object)
    const digest = createHash('sha256').update(object).digest('hex')
    assert.equal(digest, this.#digest ?? digest, 'a finished object stays as it is')
    this.#digest = digest
  }

  /** A client that keeps on until its upload is finished, or until it is told that it never will be. */
  async settle(): Promise<void> {
    for (let [turn, began] = [0, performance.now()]; performance.now() - began < ENDING; turn++) {
      const node = turn % NODES
      const status = await this.ask(node)
      if (status === 404 || status === 410) return
      if (status === 500) continue
      if (status !== 200) {
        await sleep(20)
        continue
      }
      const isDeclared = this.model.length === 'declared'
      if (isDeclared && this.#view === this.model.size) return
      await this.append({ ...LAST, node, declares: !isDeclared })
    }
    assert.fail('it does not come to an end')
  }

  /** What a restarted node tells, and what is left in the store. */
  async examine(): Promise<void> {
    const { mayLeave, raced } = this.#world
    const status = await this.ask(0)
    const all = await this.#world.ground.stored(this.id!)
    // A segment that lost its race to the node that made the upload is known to nobody (docs/concurrency.md).
    const known = raced ? all.filter((name) => !/\.part\d*$/.test(name)) : all
    const mayHaveNote = this.isJoined && (status === 200 || raced)
    const stored = mayHaveNote ? known.filter((name) => name !== `${this.id}.finals`) : known
    if (status === 200) {
      assert.equal(this.#view, this.model.size)
      assert.ok(this.model.isFinished, 'finished, and told so before')
      if (!mayLeave) assert.deepEqual(stored, [this.id, `${this.id}.info`], 'nothing but the object and its record')
    } else if (this.model.ended === 'told' && !mayLeave) assert.deepEqual(stored, [], 'termination leaves nothing')
  }
}

const LAST: Append = {
  kind: 'append',
  upload: 0,
  node: 0,
  variant: 0,
  beside: 0,
  size: Number.MAX_SAFE_INTEGER,
  excessive: false,
  chunks: [],
  saysLength: true,
  checksum: 'none',
  cut: undefined,
  declares: false,
  delay: 0,
}
