/**
 * The global byte budget: how much of all uploads is in memory at once. A part reserves its bytes before the first of
 * them is read from the socket and gives them back when S3 confirmed it; who finds no room waits in line, with its
 * socket paused. A reservation covers a whole part, so whoever has one can fill it and nobody waits for another's
 * second half: no deadlock.
 *
 * Who waits has something in memory all the same: what was read with the head of its request. Where many wait, that counts, too, up
 * to half of the budget.
 *
 * A slow client could hold its reservation for long. When somebody has waited for `patience`, the oldest reservation
 * that is still being filled is asked to store what it has and to line up again.
 * @module
 */

export interface Reservation {
  readonly bytes: number
  /** The part is full: from now on it waits for S3, not for a client, and is not asked to hurry. */
  filled(): void
  /** Gives the bytes back; doing it again does nothing. */
  release(): void
}

interface Waiter {
  bytes: number
  unread: number
  hurry: () => void
  grant: (reservation: Reservation | undefined) => void
}

export class Budget {
  readonly capacity: number
  #free: number
  readonly #patience: number
  readonly #waiting: Waiter[] = []
  /** Reservations that are being filled, oldest first. */
  readonly #filling = new Map<Reservation, () => void>()
  /** Bytes kept for speed alone: given up as soon as somebody needs the room. Oldest first. */
  readonly #spare = new Map<object, { bytes: number; drop: () => void }>()
  #timer: NodeJS.Timeout | undefined

  /** Bytes that those have in memory who wait. */
  #unread = 0

  /** @param capacity bytes  @param patience milliseconds */
  constructor(capacity: number, patience = 1_000) {
    this.capacity = capacity
    this.#free = capacity
    this.#patience = patience
  }

  /** Bytes in use now, spare ones included. */
  get used(): number {
    return this.capacity - this.#free
  }

  /** How many reservations wait. */
  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * Waits for room. More than the whole budget is granted alone, when nothing else is in memory.
   * @param hurry called, at most once, when others wait for long and this part is still being filled
   * @param signal ends the wait
   * @param unread bytes that are in memory anyway while it waits
   * @returns undefined if the wait was ended
   */
  reserve(bytes: number, hurry: () => void, signal?: AbortSignal, unread = 0): Promise<Reservation | undefined> {
    return new Promise((resolve) => {
      this.#unread += unread
      const grant = (reservation: Reservation | undefined): void => {
        this.#unread -= unread
        signal?.removeEventListener('abort', leave)
        resolve(reservation)
      }
      const waiter = { bytes, unread, hurry, grant }
      const leave = (): void => {
        const place = this.#waiting.indexOf(waiter)
        if (place === -1) return
        this.#waiting.splice(place, 1)
        grant(undefined)
        this.#serve()
      }
      signal?.addEventListener('abort', leave)
      this.#waiting.push(waiter)
      this.#serve()
      if (signal?.aborted) leave()
    })
  }

  /** Room at once or not at all: for who can do without. */
  tryReserve(bytes: number, hurry: () => void): Reservation | undefined {
    const fits = this.#waiting.length === 0 && bytes <= this.capacity && this.#makeRoom(bytes)
    return fits ? this.#grant(bytes, hurry) : undefined
  }

  /** Keeps bytes in memory for a later use, if there is room to spare. `drop` is called if they must go. */
  keep(owner: object, bytes: number, drop: () => void): boolean {
    this.give(owner)
    if (this.#waiting.length > 0 || bytes > this.#free) return false
    this.#free -= bytes
    this.#spare.set(owner, { bytes, drop })
    return true
  }

  /** Gives back what `owner` kept. */
  give(owner: object): void {
    const spare = this.#spare.get(owner)
    if (!spare) return
    this.#spare.delete(owner)
    this.#free += spare.bytes
    this.#serve()
  }

  #serve(): void {
    for (let next = this.#waiting[0]; next && this.#makeRoom(next.bytes, next.unread); next = this.#waiting[0]) {
      this.#waiting.shift()
      next.grant(this.#grant(next.bytes, next.hurry))
    }
    this.#watch()
  }

  /** @param unread bytes of it that are in memory already */
  #makeRoom(bytes: number, unread = 0): boolean {
    const others = Math.min(this.#unread - unread, this.capacity / 2)
    // Alone, it may have all.
    const needed = Math.min(Math.min(bytes, this.capacity) + Math.max(0, others), this.capacity)
    for (const [owner, spare] of this.#spare) {
      if (this.#free >= needed) break
      this.#spare.delete(owner)
      this.#free += spare.bytes
      spare.drop()
    }
    return this.#free >= needed
  }

  #grant(bytes: number, hurry: () => void): Reservation {
    const taken = Math.min(bytes, this.capacity)
    this.#free -= taken
    let held = true
    const reservation: Reservation = {
      bytes,
      filled: () => {
        this.#filling.delete(reservation)
      },
      release: () => {
        if (!held) return
        held = false
        this.#filling.delete(reservation)
        this.#free += taken
        this.#serve()
      },
    }
    this.#filling.set(reservation, hurry)
    return reservation
  }

  /** While somebody waits, one slow reservation after the other is asked to hurry. */
  #watch(): void {
    if (this.#waiting.length === 0 || this.#timer) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#waiting.length === 0) return
      const oldest = this.#filling.entries().next()
      if (!oldest.done) {
        const [reservation, hurry] = oldest.value
        this.#filling.delete(reservation)
        hurry()
      }
      this.#watch()
    }, this.#patience)
    this.#timer.unref()
  }
}
