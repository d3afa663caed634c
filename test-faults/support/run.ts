/**
 * One run of a scenario: servers behind fault proxies, one fault at most, and a plain client that goes on after it.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { type FaultProxy, type ProxiedCall, type ProxyFault, startFaultProxy } from '../../test/support/fault-proxy.js'
import { nameOf, type Point, type Site } from './points.js'
import type { Settings, Started, StartServer } from './servers.js'
import type { Target } from './target.js'

export interface RunOptions {
  target: Target
  start: StartServer
  /** For the nodes that only look, at the end; they need not be processes of their own. Default: `start`. */
  look?: StartServer
  settings?: Partial<Settings>
  /** Absent: a run without a fault, to see which calls there are. */
  point?: Point
}

/** Faults that are no point, but the state in which a scenario begins. */
export type Setup = (call: ProxiedCall) => ProxyFault | undefined

interface Node {
  proxy: FaultProxy
  server: Promise<Started>
  isDead: boolean
}

export class Run {
  readonly target: Target
  /** Before the keys of all that the run stores. */
  readonly prefix: string
  /** The calls that count, in the order in which they came. */
  readonly sites: Site[] = []
  /** How often the fault struck. */
  struck = 0
  readonly #options: RunOptions
  readonly #nodes = new Map<string, Node>()
  readonly #counts = new Map<string, number>()
  readonly #waiting: { name: string; wake: () => void }[] = []
  #setup: Setup | undefined
  #isCounting = true
  #isOver = false

  constructor(options: RunOptions) {
    this.#options = options
    this.target = options.target
    // Who sweeps must not meet the uploads of other runs.
    this.prefix = options.settings?.prefix === undefined ? '' : `${options.settings.prefix}${randomUUID()}/`
  }

  /** Where the node takes creations; started when it is first asked for, and again after it was killed. */
  async url(name: string): Promise<string> {
    const node = this.#nodes.get(name)
    if (node && !node.isDead) return (await node.server).url
    const proxy = node?.proxy ?? (await this.#openProxy(name))
    const { target, start, look = start, settings, point } = this.#options
    // Only where a fault is about waiting: a busy machine is no fault.
    const timeout = point?.kind.hangs ? 700 : 15_000
    const server = (name === 'C' ? look : start)(target, proxy.endpoint, {
      commitInterval: 60_000,
      asks: false,
      timeout,
      ...settings,
      ...(this.prefix === '' ? {} : { prefix: this.prefix }),
    })
    this.#nodes.set(name, { proxy, server, isDead: false })
    return (await server).url
  }

  /** Ends a node as a deployment does, so that its memory is gone. */
  async restart(name: string): Promise<void> {
    const node = this.#nodes.get(name)
    if (!node || node.isDead) return
    node.isDead = true
    await (await node.server).close()
  }

  /** Runs what comes before the scenario proper: its calls do not count, and faults of its own may strike. */
  async before<T>(setup: Setup, work: () => Promise<T>): Promise<T> {
    this.#setup = setup
    this.#isCounting = false
    try {
      return await work()
    } finally {
      this.#setup = undefined
      this.#isCounting = true
    }
  }

  /** A request of the client has failed: what lasts is over, and the client goes on. */
  recovered(): void {
    if (this.struck > 0) this.#isOver = true
  }

  async close(): Promise<void> {
    for (const { wake } of this.#waiting.splice(0)) wake()
    for (const node of this.#nodes.values()) {
      if (!node.isDead) await (await node.server).close()
      await node.proxy.close()
    }
  }

  async #openProxy(name: string): Promise<FaultProxy> {
    const proxy = await startFaultProxy(this.target.endpoint)
    proxy.decide = (call) => this.#decide(name, call)
    proxy.answered = (call) => this.#answered(nameOf(name, call))
    return proxy
  }

  #decide(node: string, call: ProxiedCall): ProxyFault | undefined {
    if (!this.#isCounting) return this.#setup?.(call)
    const name = nameOf(node, call)
    const occurrence = (this.#counts.get(name) ?? 0) + 1
    this.#counts.set(name, occurrence)
    this.sites.push({ name, operation: call.operation, occurrence })
    const { point } = this.#options
    if (!point || name !== point.site.name || this.#isOver) return undefined
    const { lasts } = point.kind
    if (lasts ? occurrence < point.site.occurrence : occurrence !== point.site.occurrence) return undefined
    this.struck++
    return point.kind.fault({
      kill: () => this.#kill(node),
      answeredAgain: new Promise((resolve) => this.#waiting.push({ name, wake: () => resolve(undefined) })),
    })
  }

  #answered(name: string): void {
    for (const waiting of this.#waiting.filter((one) => one.name === name)) {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
      waiting.wake()
    }
  }

  #kill(name: string): void {
    const node = this.#nodes.get(name)!
    node.isDead = true
    node.server.then(({ kill }) => kill!())
  }
}
