/**
 * One run: a scenario carried out over HTTP, each answer held against the model, and at the end a client that wants
 * its upload finished.
 * @module
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Action, type Append, NODES, type Scenario, type Strike } from './actions.js'
import type { Ground, TestNode } from './ground.js'
import { Model } from './model.js'
import { type Answer, send } from './request.js'

/** Milliseconds after which no fault does anything any more. */
const LATEST = 400
const PATCH = { 'Content-Type': 'application/offset+octet-stream' }

/** What an answer may be, whatever happened. 0: a connection that broke. */
const STATUSES: Record<string, readonly number[]> = {
  POST: [0, 201, 413, 460, 503],
  PATCH: [0, 204, 400, 404, 409, 410, 413, 423, 460, 503],
  HEAD: [0, 200, 404, 409, 410, 423, 503],
  GET: [0, 200, 206, 404, 409, 410, 416, 503],
  DELETE: [0, 204, 404, 409, 410, 423, 503],
}

export async function run(ground: Ground, scenario: Scenario, seed: number): Promise<void> {
  const all = new Run(ground, scenario, seed)
  try {
    await all.carryOut()
  } finally {
    await all.end()
  }
}

class Run {
  readonly #ground: Ground
  readonly #scenario: Scenario
  readonly #model: Model
  readonly #nodes: TestNode[] = []
  #id: string | undefined
  /** The offset at which the client believes the upload to be; undefined if it has to ask. */
  #view: number | undefined
  readonly #ends: Promise<void>[] = []
  #lastStrike = 0
  /** The digest of the object, once it was told to be there. */
  #digest: string | undefined

  constructor(ground: Ground, scenario: Scenario, seed: number) {
    this.#ground = ground
    this.#scenario = scenario
    this.#model = new Model(scenario.size, scenario.deferred, seed)
  }

  async carryOut(): Promise<void> {
    for (let index = 0; index < NODES; index++) this.#nodes.push(await this.#start())
    this.#strike(this.#scenario.strikes)
    await this.#create()
    if (this.#id === undefined) return
    // A creation that arrives twice, the second time after a termination, brings an empty upload back. No condition that
    // S3 has could prevent it (docs/concurrency.md), so it is not tried.
    if (this.#scenario.strikes.some(({ fault }) => fault.action === 'late')) await sleep(LATEST)
    for (const { actions, strikes } of this.#scenario.steps) {
      this.#strike(strikes)
      this.#model.raced ||= actions.length > 1 || actions.some((one) => one.kind === 'append' && one.cut !== undefined)
      await Promise.all(actions.map((action) => this.#act(action)))
    }
    this.#strike([])
    await this.#settle()
    await this.#quiet()
    await this.#examine()
  }

  async end(): Promise<void> {
    this.#strike([])
    await Promise.all([...this.#nodes.map((node) => node.close()), ...this.#ends])
  }

  #start(): Promise<TestNode> {
    return this.#ground.startNode(this.#scenario.memory)
  }

  #strike(strikes: readonly Strike[]): void {
    this.#ground.strike(strikes, ({ fault }) => {
      this.#lastStrike = performance.now()
      if (fault.action !== 'delay') this.#model.struck++
    })
  }

  #url(node: number): string {
    return `${this.#nodes[node]!.url}${this.#id}`
  }

  async #send(sent: Parameters<typeof send>[0]): Promise<Answer> {
    const answer = await send(sent)
    const text = `${sent.method}: ${answer.status} ${answer.body.length < 200 ? answer.body : ''}`
    const isCorrupt = answer.status === 500 && this.#model.mayFail
    if (isCorrupt) assert.match(String(answer.body) || 'ERR_STORE_CORRUPT', /^ERR_STORE_CORRUPT/)
    else assert.ok(STATUSES[sent.method]!.includes(answer.status), text)
    if (answer.status === 404 || answer.status === 410) this.#mayBeGone(text)
    return answer
  }

  #mayBeGone(text: string): void {
    assert.ok(this.#model.ended !== 'no' || this.#model.mayFail, `nobody ended it: ${text}`)
  }

  async #create(): Promise<void> {
    const { size, deferred } = this.#scenario
    const first = this.#scenario.first && this.#variantOf(this.#scenario.first)
    const declares = deferred ? { 'Upload-Defer-Length': '1' } : { 'Upload-Length': String(size) }
    const body = first && this.#body({ ...first, beside: 0, declares: false }, 0)
    const fields = { ...declares, ...(body ? { ...PATCH, ...body.fields } : {}) }
    if (body && first) this.#model.attempt(first.variant, 0, body.sent, body.isWhole)
    const answer = await this.#send({
      method: 'POST',
      url: this.#nodes[first?.node ?? 0]!.url,
      fields,
      ...(body ? { body: body.body } : {}),
    })
    if (answer.status !== 201) return
    this.#id = String(answer.fields.location).split('/').at(-1)!
    this.#view = body ? Number(answer.fields['upload-offset']) : 0
    if (first?.checksum === 'wrong' && body!.sent > 0)
      assert.equal(this.#view, 0, 'a wrong checksum counts for nothing')
    if (first) this.#model.stored(first.variant, 0, this.#view)
    if (this.#view === size && !deferred) await this.#isFinished()
  }

  async #act(action: Action): Promise<void> {
    if (action.delay > 0) await sleep(action.delay)
    switch (action.kind) {
      case 'append':
        return this.#append(action)
      case 'head':
        return void (await this.#ask(action.node))
      case 'read':
        return this.#read(action)
      case 'terminate':
        return this.#terminate(action.node)
      case 'restart':
        return this.#restart(action)
    }
  }

  /** @returns the answer's status */
  async #ask(node: number): Promise<number> {
    const { told, ended } = this.#model
    const answer = await this.#send({ method: 'HEAD', url: this.#url(node), fields: {} })
    if (answer.status !== 200) return answer.status
    assert.notEqual(ended, 'told', 'what was terminated is not told any more')
    const offset = Number(answer.fields['upload-offset'])
    this.#model.tell(offset, told)
    this.#view = offset
    const length = answer.fields['upload-length']
    if (length !== undefined) assert.equal(length, String(this.#model.size))
    if (this.#model.length === 'declared') assert.notEqual(length, undefined, 'a declared length stays')
    if (length !== undefined) this.#model.length = 'declared'
    if (length !== undefined && offset === this.#model.size) await this.#isFinished()
    return answer.status
  }

  async #append(asked: Append): Promise<void> {
    const append = this.#variantOf(asked)
    if (this.#view === undefined) await this.#ask(append.node)
    const from = Math.max(0, (this.#view ?? this.#model.told) + append.beside)
    const { told, ended, size } = this.#model
    const declares = append.declares && this.#model.length !== 'declared'
    const { body, fields, sent, isWhole } = this.#body(append, from)
    if (declares) this.#model.length = 'unknown'
    this.#model.attempt(append.variant, from, append.checksum === 'wrong' ? 0 : sent, isWhole)
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
      if (offset !== undefined) this.#model.tell(Number(offset), 0)
      return
    }
    assert.notEqual(ended, 'told', 'what was terminated takes nothing')
    // A finished upload takes no bytes, and says so by its offset, as tusd does.
    if (from < size || Number(offset) !== size) {
      assert.equal(Number(offset), from + body.bytes.length, 'a success stored the whole body')
      assert.ok(append.checksum !== 'wrong', 'a wrong checksum is no success')
    }
    assert.ok(Number(offset) >= told, `${offset} is told, though ${told} was told before`)
    this.#model.stored(append.variant, from, Number(offset))
    this.#view = Number(offset)
    if (declares) this.#model.length = 'declared'
    if (this.#model.length === 'declared' && Number(offset) === size) await this.#isFinished()
  }

  #variantOf<T extends Pick<Append, 'variant'>>(append: T): T {
    return this.#scenario.differs ? append : { ...append, variant: 0 }
  }

  /** Beyond the length is sent only by the excessive; while the server does not know the length, by nobody. */
  #body(append: Append, from: number) {
    const { variant, size, excessive, chunks, saysLength, checksum, cut } = append
    const room = Math.max(0, this.#model.size - from)
    const mayExceed = excessive && this.#model.length === 'declared'
    const own = this.#model.contents[variant].subarray(from, from + (mayExceed ? room : Math.min(size, room)))
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

  async #read({ node, first, last }: Extract<Action, { kind: 'read' }>): Promise<void> {
    const range = `bytes=${Math.min(first, last)}-${Math.max(first, last)}`
    const answer = await this.#send({ method: 'GET', url: this.#url(node), fields: { Range: range } })
    if (answer.status !== 200 && answer.status !== 206) return
    const object = await this.#ground.object(this.#id!)
    if (object === undefined) return assert.notEqual(this.#model.ended, 'no', 'what is read is there')
    const part = answer.status === 200 ? object : object.subarray(Math.min(first, last), Math.max(first, last) + 1)
    assert.ok(part.equals(answer.body), 'what is read is the object')
    await this.#isFinished()
  }

  async #terminate(node: number): Promise<void> {
    if (this.#model.ended === 'no') this.#model.ended = 'asked'
    const { status } = await this.#send({ method: 'DELETE', url: this.#url(node), fields: {} })
    if (status === 204) this.#model.ended = 'told'
    this.#view = undefined
  }

  async #restart({ node, graceful }: Extract<Action, { kind: 'restart' }>): Promise<void> {
    const fresh = await this.#start()
    const old = this.#nodes[node]!
    this.#nodes[node] = fresh
    if (graceful) return old.close()
    this.#model.crashed ||= old.active() > 0
    await old.cut()
    this.#ends.push(old.close())
  }

  /** Told as finished: then the object is there, made of what was sent, and stays the same. */
  async #isFinished(): Promise<void> {
    const object = await this.#ground.object(this.#id!)
    if (object === undefined) return assert.notEqual(this.#model.ended, 'no', 'what is told as finished is there')
    this.#model.isFinished = true
    this.#model.check(object)
    const digest = createHash('sha256').update(object).digest('hex')
    assert.equal(digest, this.#digest ?? digest, 'a finished object stays as it is')
    this.#digest = digest
  }

  /** A client that keeps on until its upload is finished, or until it is told that it never will be. */
  async #settle(): Promise<void> {
    for (let turn = 0; turn < 60; turn++) {
      const node = turn % NODES
      const status = await this.#ask(node)
      if (status === 404 || status === 410) return
      if (status === 500) continue
      if (status !== 200) {
        await sleep(20)
        continue
      }
      const isDeclared = this.#model.length === 'declared'
      if (isDeclared && this.#view === this.#model.size) return
      await this.#append({ ...LAST, node, declares: !isDeclared })
    }
    assert.fail('it does not come to an end')
  }

  /** Nothing is under way any more, neither in a node nor in the bucket. */
  async #quiet(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.close()))
    await Promise.all(this.#ends.splice(0))
    if (this.#model.struck > 0) await sleep(Math.max(0, this.#lastStrike + LATEST - performance.now()))
    this.#nodes.splice(0)
    for (let index = 0; index < NODES; index++) this.#nodes.push(await this.#start())
  }

  /** What a restarted node tells, and what is left in the store. */
  async #examine(): Promise<void> {
    const { mayLeave } = this.#model
    const status = await this.#ask(0)
    const all = await this.#ground.stored(this.#id!)
    // A segment that lost its race to the node that made the upload is known to nobody (docs/concurrency.md).
    const stored = this.#model.raced ? all.filter((name) => !/\.part\d?$/.test(name)) : all
    if (status === 200) {
      assert.equal(this.#view, this.#model.size)
      assert.ok(this.#model.isFinished, 'finished, and told so before')
      if (!mayLeave) assert.deepEqual(stored, this.#ground.finished(this.#id!), 'nothing but the object and its record')
    } else if (this.#model.ended === 'told' && !mayLeave) assert.deepEqual(stored, [], 'termination leaves nothing')
  }
}

const LAST: Append = {
  kind: 'append',
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
