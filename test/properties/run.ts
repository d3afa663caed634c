/**
 * One run: a scenario carried out over HTTP, each answer held against the model, and at the end clients that want their
 * uploads finished.
 * @module
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Action, Join, Scenario, Step } from './actions.js'
import { Client } from './client.js'
import { Final } from './final.js'
import type { Ground } from './ground.js'
import { LATEST, World } from './world.js'

export async function run(ground: Ground, scenario: Scenario, seed: number): Promise<void> {
  const world = new World(ground, scenario)
  try {
    await ground.empty()
    await world.start()
    await new Run(world, seed).carryOut()
  } finally {
    await world.quiet()
  }
}

class Run {
  readonly #world: World
  readonly #clients: Client[]
  /** The latest first. */
  readonly #finals: Final[] = []

  constructor(world: World, seed: number) {
    this.#world = world
    this.#clients = world.scenario.uploads.map((creation, index) => new Client(world, creation, seed + index))
  }

  async carryOut(): Promise<void> {
    const world = this.#world
    for (const [index, { strikes }] of world.scenario.uploads.entries()) {
      world.strike(strikes)
      await this.#clients[index]!.create()
    }
    await this.#afterCreation(world.scenario.uploads.flatMap(({ strikes }) => strikes))
    if (this.#created.length > 0) for (const step of world.scenario.steps) await this.#take(step)
    world.strike([])
    await Promise.all(this.#created.map((client) => client.settle()))
    await Promise.all(this.#finals.map((final) => final.settle()))
    await world.quiet()
    await world.start()
    for (const all of [...this.#created, ...this.#finals]) await all.examine()
    await this.#nothingUnknown()
  }

  get #created(): Client[] {
    return this.#clients.filter(({ id }) => id !== undefined)
  }

  async #take({ actions, strikes }: Step): Promise<void> {
    const world = this.#world
    world.strike(strikes)
    world.raced ||= actions.length > 1 || actions.some((one) => one.kind === 'append' && one.cut !== undefined)
    await Promise.all(actions.map((action) => this.#act(action)))
    if (actions.some(({ kind }) => kind === 'join')) await this.#afterCreation(strikes)
  }

  /**
   * A creation that arrives twice, the second time after a termination, brings an empty upload back. No condition that S3
   * has could prevent it (docs/concurrency.md), so it is not tried.
   */
  async #afterCreation(strikes: Step['strikes']): Promise<void> {
    if (strikes.some(({ fault }) => fault.action === 'late')) await sleep(LATEST)
  }

  async #act(action: Action): Promise<void> {
    if (action.delay > 0) await sleep(action.delay)
    if (action.kind === 'restart') return this.#world.restart(action)
    if (action.kind === 'sweep') return this.#world.sweep(action.node)
    if (action.kind === 'join') return this.#join(action)
    if (action.kind === 'final') return this.#finals[action.final % this.#finals.length]?.act(action)
    const client = this.#created[action.upload % this.#created.length]!
    if (action.kind === 'append') return client.append(action)
    if (action.kind === 'head') return void (await client.ask(action.node))
    if (action.kind === 'read') return client.read(action)
    return client.terminate(action.node)
  }

  async #join(join: Join): Promise<void> {
    const parts = join.of.map((index) => this.#created[index % this.#created.length]!)
    const final = await Final.create(this.#world, join, parts, this.#finals)
    if (final) this.#finals.unshift(final)
  }

  /** All that is stored belongs to an upload of which a client knows, or to a creation that was not answered. */
  async #nothingUnknown(): Promise<void> {
    const { ground, known, unanswered } = this.#world
    const ids = new Set((await ground.everything()).map((name) => name.split(/[ .]/)[0]!))
    const unknown = [...ids].filter((id) => !known.has(id))
    assert.ok(unknown.length <= unanswered, `${unanswered} creations were not answered, and ${unknown} are there`)
  }
}
