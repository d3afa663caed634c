/**
 * What the clients of one run share: the nodes, and what happened to them.
 * @module
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Action, NODES, type Scenario } from './actions.js'
import type { Ground, TestNode } from './ground.js'
import { type Answer, send } from './request.js'
import type { Strike } from './strikes.js'

/** Milliseconds after which no fault does anything any more. */
export const LATEST = 400
/** Milliseconds within which an upload comes to its end, once nothing fails any more. */
export const ENDING = 15_000

export class World {
  readonly ground: Ground
  readonly scenario: Scenario
  /** IDs that clients were told. */
  readonly known = new Set<string>()
  /** Creations of which no client was told an ID, and that may have left something. */
  unanswered = 0
  /** Several requests were under way at once. */
  raced = false
  /** Faults of the bucket that struck, save mere delays. */
  #struck = 0
  /** A node was stopped in the middle of something. */
  #crashed = false
  #lastStrike = 0
  readonly #nodes: TestNode[] = []
  readonly #ends: Promise<void>[] = []

  constructor(ground: Ground, scenario: Scenario) {
    this.ground = ground
    this.scenario = scenario
  }

  /** Whether a node may have left behind what no record names: it could not know that it was stored. */
  get mayLeave(): boolean {
    return this.#struck > 0 || this.#crashed
  }

  url(node: number, id = ''): string {
    return `${this.#nodes[node]!.url}${id}`
  }

  async sweep(node: number): Promise<void> {
    const { expired, removed } = await this.#nodes[node]!.sweep()
    assert.deepEqual([expired, removed], [0, 0], 'nothing here can have expired')
  }

  /** @param statuses what the answer may be, whatever happened; 0 is a connection that broke */
  async send(sent: Parameters<typeof send>[0], statuses: readonly number[], mayFail: boolean): Promise<Answer> {
    const answer = await send(sent)
    const isCorrupt = answer.status === 500 && mayFail
    if (isCorrupt) assert.match(String(answer.body) || 'ERR_STORE_CORRUPT', /^ERR_STORE_CORRUPT/)
    else assert.ok(statuses.includes(answer.status), textOf(sent, answer))
    return answer
  }

  async start(): Promise<void> {
    for (let index = 0; index < NODES; index++) this.#nodes.push(await this.ground.startNode(this.scenario))
  }

  strike(strikes: readonly Strike[]): void {
    this.ground.strike(strikes, ({ fault }) => {
      this.#lastStrike = performance.now()
      if (fault.action !== 'delay') this.#struck++
    })
  }

  async restart({ node, graceful }: Extract<Action, { kind: 'restart' }>): Promise<void> {
    const fresh = await this.ground.startNode(this.scenario)
    const old = this.#nodes[node]!
    this.#nodes[node] = fresh
    if (graceful) return old.close()
    this.#crashed ||= old.active() > 0
    await old.cut()
    this.#ends.push(old.close())
  }

  /** Nothing is under way any more, neither in a node nor in the bucket. */
  async quiet(): Promise<void> {
    this.strike([])
    await Promise.all([...this.#nodes.splice(0).map((node) => node.close()), ...this.#ends.splice(0)])
    if (this.#struck > 0) await sleep(Math.max(0, this.#lastStrike + LATEST - performance.now()))
  }
}

export const textOf = ({ method }: { method: string }, { status, body }: Answer): string =>
  `${method}: ${status} ${body.length < 200 ? body : ''}`
