/**
 * The parts of one upload that are on their way to S3, in the order of the file. A part counts only when all before it
 * were confirmed: a hole is never skipped.
 * @module
 */

export interface SentPart {
  /** Bytes. */
  length: number
  crc32: number | undefined
}

export interface ConfirmedPart extends SentPart {
  etag: string
}

interface Entry {
  part: SentPart
  etag: string | undefined
}

export class PartWindow {
  readonly #mayAdd: (pending: number) => boolean
  #entries: Entry[] = []
  #pending = 0
  /** Parts that were taken out as confirmed. */
  #wakeUp: (() => void)[] = []
  /** The first failure of any part. */
  failure: unknown

  /** @param mayAdd whether there may be one more when so many are unconfirmed; asked again when one was settled */
  constructor(mayAdd: (pending: number) => boolean) {
    this.#mayAdd = mayAdd
  }

  /** Parts that were added and not yet taken. */
  get size(): number {
    return this.#entries.length
  }

  /** `send` must settle in the end; `settled` is called when it did. */
  add(part: SentPart, send: () => Promise<{ etag: string }>, settled: () => void): void {
    const entry: Entry = { part, etag: undefined }
    this.#entries.push(entry)
    this.#pending++
    send()
      .then(
        ({ etag }) => {
          entry.etag = etag
        },
        (error: unknown) => {
          this.failure ??= error
        },
      )
      .finally(() => {
        this.#pending--
        settled()
        for (const wake of this.#wakeUp.splice(0)) wake()
      })
  }

  /** Takes the confirmed parts from the front, up to the first that is not. */
  take(): ConfirmedPart[] {
    const end = this.#entries.findIndex(({ etag }) => etag === undefined)
    const taken = this.#entries.splice(0, end === -1 ? this.#entries.length : end)
    return taken.map(({ part, etag }) => ({ ...part, etag: etag! }))
  }

  /** Parts that were taken for a commit which failed count again: the next one must not skip them. */
  putBack(taken: readonly ConfirmedPart[]): void {
    this.#entries.unshift(...taken.map(({ etag, ...part }) => ({ part, etag })))
  }

  get hasConfirmed(): boolean {
    return this.#entries[0]?.etag !== undefined
  }

  /** Waits until another part may be added, or one failed. */
  async room(): Promise<void> {
    while (this.#pending > 0 && !this.#mayAdd(this.#pending) && this.failure === undefined) await this.#change()
  }

  /** Waits until nothing is on its way any more. */
  async settled(): Promise<void> {
    while (this.#pending > 0) await this.#change()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wakeUp.push(resolve))
  }
}
