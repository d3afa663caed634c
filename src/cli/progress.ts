/**
 * How far uploads are: one line that is drawn anew on a terminal, and plain lines elsewhere. All of it goes to stderr,
 * so that stdout has only the URLs.
 * @module
 */
import { clearLine, cursorTo } from 'node:readline'
import type { WriteStream } from 'node:tty'

interface Track {
  name: string
  sent: number
  total: number
  note: string
}

/** Milliseconds between two drawings on a terminal, and between two plain lines. */
const DRAW_EVERY = 200
const PRINT_EVERY = 10_000

export class Progress {
  readonly #out: NodeJS.WriteStream
  readonly #tracks = new Map<string, Track>()
  readonly #timer: NodeJS.Timeout
  #counted: string | undefined
  /** Bytes of all uploads at earlier moments, for the rate. */
  #samples: { time: number; sent: number }[] = []

  constructor(out: NodeJS.WriteStream = process.stderr) {
    this.#out = out
    this.#timer = setInterval(() => this.#show(), out.isTTY ? DRAW_EVERY : PRINT_EVERY)
    this.#timer.unref()
  }

  update(name: string, sent: number, total: number): void {
    // Bytes that an earlier run sent are no achievement of this one.
    if (!this.#tracks.has(name)) this.#samples = []
    this.#tracks.set(name, { name, sent, total, note: '' })
  }

  note(name: string, note: string): void {
    const track = this.#tracks.get(name)
    if (track) track.note = note
  }

  /** The upload is over, one way or another. */
  remove(name: string): void {
    this.#tracks.delete(name)
    this.#samples = []
  }

  /** How much was done of what nobody knows the whole of. @param bytes of all together, if there are any */
  count(what: string, done: number, bytes = 0): void {
    this.#counted = `${done} ${what}${bytes > 0 ? `, ${megabytes(bytes)}` : ''}`
  }

  /** Makes room for lines of others. */
  clear(): void {
    this.#clear()
  }

  /** A line that stays. */
  say(text: string): void {
    this.#clear()
    this.#out.write(`${text}\n`)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#clear()
  }

  #clear(): void {
    if (!this.#out.isTTY) return
    cursorTo(this.#out, 0)
    clearLine(this.#out, 0)
  }

  #show(): void {
    if (this.#tracks.size === 0 && this.#counted === undefined) return
    const line = this.#counted ?? lineOf([...this.#tracks.values()], this.#rate())
    if (!this.#out.isTTY) return void this.#out.write(`${line}\n`)
    this.#clear()
    // A line that wraps could not be drawn over.
    this.#out.write(line.slice(0, Math.max(20, (this.#out as unknown as WriteStream).columns - 1)))
  }

  /** Bytes per second over the last seconds. */
  #rate(): number {
    const sent = [...this.#tracks.values()].reduce((sum, track) => sum + track.sent, 0)
    this.#samples.push({ time: performance.now(), sent })
    if (this.#samples.length > 25) this.#samples.shift()
    const [first, last] = [this.#samples[0]!, this.#samples.at(-1)!]
    return last.time === first.time ? 0 : Math.max(0, ((last.sent - first.sent) / (last.time - first.time)) * 1000)
  }
}

const BAR = 24

/** talk.mp4 [#####-----]  50 % of 10.0 MB, 2.1 MB/s, 3 s left */
export function lineOf(tracks: readonly Track[], perSecond: number): string {
  const sent = tracks.reduce((sum, track) => sum + track.sent, 0)
  const total = tracks.reduce((sum, track) => sum + track.total, 0)
  const name = tracks.length === 1 ? tracks[0]!.name : `${tracks.length} files`
  const share = total === 0 ? 1 : sent / total
  const filled = Math.floor(share * BAR)
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR - filled)}]`
  const left = perSecond > 0 ? `, ${megabytes(perSecond)}/s, ${showSeconds((total - sent) / perSecond)} left` : ''
  const note = tracks.find((track) => track.note !== '')?.note
  return `${name} ${bar} ${String(Math.floor(share * 100)).padStart(3)} % of ${megabytes(total)}${note ? `, ${note}` : left}`
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

function showSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}
