/**
 * The client of a final upload: its model is that of its partial uploads, in order.
 * @module
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Join, NODES, type OnFinal } from './actions.js'
import type { Client } from './client.js'
import type { Answer, Sent } from './request.js'
import { ENDING, textOf, type World } from './world.js'

const STATUSES: Record<string, readonly number[]> = {
  POST: [0, 201, 400, 409, 410, 423, 503],
  PATCH: [0, 403, 404, 410, 423, 503],
  HEAD: [0, 200, 404, 409, 410, 423, 503],
  GET: [0, 200, 206, 404, 409, 410, 423, 503],
  DELETE: [0, 204, 404, 409, 410, 423, 503],
}

export class Final {
  readonly id: string
  readonly #world: World
  readonly #parts: readonly Client[]
  readonly #size: number
  readonly #field: string
  #ended: Client['model']['ended'] = 'no'
  /** Somebody was told that it is complete. */
  #isTold = false
  #digest: string | undefined

  /** @returns undefined if it was not created, as far as the client knows */
  static async create(
    world: World,
    { node, wrong }: Pick<Join, 'node' | 'wrong'>,
    parts: readonly Client[],
    others: readonly Final[],
  ): Promise<Final | undefined> {
    const urls = [...parts.map(({ id }) => world.url(node, id)), ...wrongUrls(world, node, wrong, others)]
    const field = `final;${urls.join(' ')}`
    const wasEnded = parts.some(({ model }) => model.ended === 'told')
    const wasWhole = parts.every(({ model }) => model.isFinished)
    for (const part of parts) part.isJoined = true
    const sent = { method: 'POST', url: world.url(node), fields: { 'Upload-Concat': field } }
    const answer = await world.send(sent, STATUSES.POST!, mayFail(parts))
    const isWrong = urls.length > parts.length
    // A list that cannot be joined is refused before anything is stored.
    if (answer.status !== 201 && answer.status !== 400) world.unanswered++
    const mayBeRefused = isWrong || parts.some(({ mayBeGone }) => mayBeGone)
    if (answer.status === 400 || answer.status === 410)
      assert.ok(mayBeRefused, `nothing is wrong: ${textOf(sent, answer)}`)
    if (answer.status !== 201) return undefined
    assert.ok(!isWrong, `a list with what is no partial upload is taken: ${field}`)
    assert.ok(!wasEnded, 'what was terminated cannot be joined')
    const final = new Final(world, String(answer.fields.location).split('/').at(-1)!, parts, field)
    world.known.add(final.id)
    if (wasWhole) await final.#isComplete()
    return final
  }

  private constructor(world: World, id: string, parts: readonly Client[], field: string) {
    this.#world = world
    this.id = id
    this.#parts = parts
    this.#size = parts.reduce((sum, { model }) => sum + model.size, 0)
    this.#field = field
  }

  async #send(node: number, method: string, fields: Record<string, string> = {}, body?: Sent['body']): Promise<Answer> {
    const wasTold = this.#isTold
    const sent = { method, url: this.#world.url(node, this.id), fields, ...(body ? { body } : {}) }
    const answer = await this.#world.send(sent, STATUSES[method]!, mayFail(this.#parts))
    // Once it is complete, its partial uploads do not matter to it any more.
    const mayBeGone = this.#ended !== 'no' || (!wasTold && this.#parts.some((part) => part.mayBeGone))
    if (answer.status === 410) assert.ok(mayBeGone, `nobody ended it: ${textOf(sent, answer)}`)
    if (answer.status === 404) assert.notEqual(this.#ended, 'no', `nobody ended it: ${textOf(sent, answer)}`)
    return answer
  }

  async act({ asks, node }: OnFinal): Promise<void> {
    if (asks === 'head') await this.ask(node)
    else if (asks === 'read') await this.#read(node)
    else if (asks === 'append') await this.#append(node)
    else await this.#terminate(node)
  }

  /** @returns the answer's status */
  async ask(node: number): Promise<number> {
    const [wasTold, hadEnded] = [this.#isTold, this.#ended]
    const isDeclared = this.#parts.every(({ model }) => model.length === 'declared')
    const answer = await this.#send(node, 'HEAD')
    if (answer.status !== 200) return answer.status
    assert.notEqual(hadEnded, 'told', 'what was terminated is not told any more')
    assert.equal(answer.fields['upload-concat'], this.#field)
    const { 'upload-offset': offset, 'upload-length': length } = answer.fields
    if (length !== undefined) assert.equal(length, String(this.#size))
    else assert.ok(!isDeclared || this.#world.mayLeave || this.#world.raced, 'the length is told once it can be')
    if (offset === undefined) assert.ok(!wasTold, 'what was told as complete stays so')
    else {
      assert.equal(offset, String(this.#size), 'no offset is told before all bytes are there')
      await this.#isComplete()
    }
    return answer.status
  }

  async #read(node: number): Promise<void> {
    const wasTold = this.#isTold
    const answer = await this.#send(node, 'GET')
    if (answer.status === 409) assert.ok(!wasTold, 'what was told as complete can be read')
    if (answer.status !== 200) return
    this.#check(answer.body)
  }

  async #append(node: number): Promise<void> {
    const fields = { 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': '0' }
    const body = { bytes: Buffer.from('more'), chunks: [], saysLength: true, cut: undefined }
    await this.#send(node, 'PATCH', fields, body)
  }

  async #terminate(node: number): Promise<void> {
    if (this.#ended === 'no') this.#ended = 'asked'
    const { status } = await this.#send(node, 'DELETE')
    if (status === 204) this.#ended = 'told'
  }

  async #isComplete(): Promise<void> {
    const object = await this.#world.ground.object(this.id)
    if (object === undefined) return assert.notEqual(this.#ended, 'no', 'what is told as complete is there')
    this.#check(object)
  }

  /** The bytes of each partial upload, in order, and always the same. */
  #check(object: Buffer): void {
    this.#isTold = true
    assert.equal(object.length, this.#size, 'the object has the length of all partial uploads')
    let at = 0
    for (const part of this.#parts) {
      part.isMadeOf(object.subarray(at, at + part.model.size))
      at += part.model.size
    }
    const digest = createHash('sha256').update(object).digest('hex')
    assert.equal(digest, this.#digest ?? digest, 'a complete object stays as it is')
    this.#digest = digest
  }

  /** Its partial uploads have come to their ends; then so does it, if only somebody asks. */
  async settle(): Promise<void> {
    const isLeftAlone = !this.#world.mayLeave && !this.#world.raced
    const isWanted = this.#ended === 'no' && !this.#parts.some((part) => part.mayBeGone)
    if (isLeftAlone && isWanted) await this.#comesByItself()
    for (let [turn, began] = [0, performance.now()]; performance.now() - began < ENDING; turn++) {
      const status = await this.ask(turn % NODES)
      if (status === 404 || status === 410 || this.#isTold) return
      await sleep(20)
    }
    assert.fail('a final upload does not come to an end')
  }

  /** The PATCH with the last byte has it made; nobody needs to ask. */
  async #comesByItself(): Promise<void> {
    for (const began = performance.now(); performance.now() - began < ENDING; await sleep(5)) {
      if ((await this.#world.ground.object(this.id)) !== undefined) return
    }
    assert.fail('the last byte of its partial uploads does not bring a final upload about')
  }

  /** What a restarted node tells, and what is left in the store. */
  async examine(): Promise<void> {
    const status = await this.ask(0)
    if (status === 200) assert.ok(this.#isTold, 'complete, and told so before')
    const all = await this.#world.ground.stored(this.id)
    // It has no tail, and its record and its object are written under conditions.
    const stored = this.#world.mayLeave ? all.filter((name) => !name.endsWith('(multipart)')) : all
    const record = `${this.id}.info`
    if (status === 200) assert.deepEqual(stored, [this.id, record], 'nothing but the object and its record')
    else if (this.#ended === 'told') assert.deepEqual(stored, [], 'termination leaves nothing')
    else if (this.#ended === 'no') assert.deepEqual(stored, [record], 'of what cannot be joined the record stays')
  }
}

/** A partial upload of which other bytes were sent may be found out only when it is joined. */
const mayFail = (parts: readonly Client[]): boolean => parts.some(({ model }) => model.mayFail)

function wrongUrls(world: World, node: number, wrong: Join['wrong'], others: readonly Final[]): string[] {
  if (wrong === 'unknown') return [world.url(node, '0'.repeat(32))]
  if (wrong === 'elsewhere') return ['http://192.0.2.1/files/0123456789abcdef']
  return wrong === 'final' ? others.slice(0, 1).map(({ id }) => world.url(node, id)) : []
}
