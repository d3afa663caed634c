/**
 * A primary and its workers in one process: what node:cluster carries between them, without the processes. Messages are
 * written and read as there, and come later.
 * @module
 */
import { EventEmitter } from 'node:events'
import { type Channel, settleClaims } from '../../src/lockers/cluster.js'

class Wire extends EventEmitter implements Channel {
  connected = true
  readonly #sent: (message: unknown) => void
  /** Messages in both directions, as text. */
  readonly log: string[] = []

  constructor(sent: (message: unknown) => void) {
    super()
    this.#sent = sent
  }

  send(message: unknown): boolean {
    const text = JSON.stringify(message)
    this.log.push(text)
    setImmediate(() => this.#sent(JSON.parse(text)))
    return true
  }
}

export class FakeCluster {
  readonly #primary = new EventEmitter()
  readonly #workers: Record<number, { send(message: unknown): boolean }> = {}
  readonly wires: Wire[] = []

  constructor(workers: number) {
    settleClaims(Object.assign(this.#primary, { workers: this.#workers }) as never)
    for (let id = 1; id <= workers; id++) {
      const wire = new Wire((message) => this.#primary.emit('message', { id }, message))
      this.wires.push(wire)
      this.#workers[id] = {
        send(message) {
          const text = JSON.stringify(message)
          wire.log.push(text)
          setImmediate(() => wire.connected && wire.emit('message', JSON.parse(text)))
          return true
        },
      }
    }
  }

  /**
   * The worker's process is gone.
   * @param worker 1 for the first
   * @param last what it had said, and is heard only after that
   */
  end(worker: number, last?: unknown): void {
    this.wires[worker - 1]!.connected = false
    delete this.#workers[worker]
    this.#primary.emit('exit', { id: worker })
    this.#primary.emit('message', { id: worker }, last)
    this.#primary.emit('disconnect', { id: worker })
  }

  /** The primary's process is gone. */
  endPrimary(): void {
    for (const wire of this.wires) {
      wire.connected = false
      wire.emit('disconnect')
    }
  }
}
