/**
 * One upload on the page: its row, and the tus client behind it.
 * @module
 */
import { type DetailedError, defaultOptions, Upload } from 'tus-js-client'
import { button, create, row, say } from './dom.js'
import { Rate, showBytes, showTime } from './format.js'

export type State = 'waiting' | 'sending' | 'paused' | 'done' | 'failed' | 'cancelled'

/** A server may be away for long. What was sent since is asked from it, so trying again costs nothing. */
const RETRY_DELAYS = [0, 500, 1000, 2000, ...Array.from({ length: 5000 }, () => 3000)]

export class Transfer {
  readonly row = create('li')
  state: State = 'waiting'
  readonly #file: File
  readonly #upload: Upload
  readonly #onChange: () => void
  readonly #bar = create('progress')
  readonly #percent = create('span', 'percent')
  readonly #facts = create('span', 'facts')
  readonly #toggle: HTMLButtonElement
  readonly #cancel: HTMLButtonElement
  #rate: Rate | undefined
  #tries = 0

  constructor(file: File, endpoint: string, onChange: () => void) {
    this.#file = file
    this.#onChange = onChange
    this.#toggle = button('Pause', file.name, () => this.#flip())
    this.#cancel = button('Cancel', file.name, () => void this.#abandon())
    const name = create('span', 'name', file.name)
    name.title = file.name
    this.#bar.max = Math.max(1, file.size)
    this.#bar.value = 0
    this.#bar.setAttribute('aria-label', `Progress of ${file.name}`)
    this.row.append(row(name, this.#percent), this.#bar, row(this.#facts, this.#toggle, this.#cancel))
    this.#upload = this.#client(endpoint)
    this.#become('waiting', 'Waiting')
  }

  isOf(file: File): boolean {
    return (
      file.name === this.#file.name && file.size === this.#file.size && file.lastModified === this.#file.lastModified
    )
  }

  /** Goes on where an earlier try ended, of this visit or of one before. */
  async start(): Promise<void> {
    this.#become('sending', 'Connecting…')
    this.#rate = undefined
    const current = ++this.#tries
    if (this.#upload.url === null) {
      const [earlier] = await this.#upload.findPreviousUploads()
      if (earlier) this.#upload.resumeFromPreviousUpload(earlier)
    }
    // Meanwhile it may have been paused, and even started again.
    if (this.state === 'sending' && current === this.#tries) this.#upload.start()
  }

  /** Lines it up again, after a pause or a failure. */
  resume(): void {
    if (this.state === 'paused' || this.state === 'failed') this.#become('waiting', 'Waiting')
  }

  #client(endpoint: string): Upload {
    return new Upload(this.#file, {
      endpoint,
      metadata: { filename: this.#file.name, filetype: this.#file.type || 'application/octet-stream' },
      retryDelays: RETRY_DELAYS,
      removeFingerprintOnSuccess: true,
      onShouldRetry: (error) => this.#isWorthRetrying(error),
      onProgress: (sent, total) => this.#progress(sent, total),
      onSuccess: () => this.#finish(),
      onError: (error) => this.#become('failed', `Failed: ${reasonOf(error)}`),
    })
  }

  #isWorthRetrying(error: DetailedError): boolean {
    const status = error.originalResponse?.getStatus() ?? 0
    const isWorthIt = status < 400 || status >= 500 || [409, 423, 429].includes(status)
    if (isWorthIt && this.state === 'sending') this.#facts.textContent = 'Connection lost; trying again…'
    return isWorthIt
  }

  #progress(sent: number, total: number): void {
    if (this.state !== 'sending') return
    const now = performance.now()
    this.#rate ??= new Rate(sent, now)
    const perSecond = this.#rate.update(sent, now)
    const facts = [`${showBytes(sent)} of ${showBytes(total)}`]
    if (perSecond) facts.push(`${showBytes(perSecond)}/s`, `${showTime((total - sent) / perSecond)} left`)
    this.#facts.textContent = facts.join(' · ')
    this.#bar.value = total === 0 ? 1 : sent
    this.#percent.textContent = `${total === 0 ? 100 : Math.floor((sent / total) * 100)} %`
  }

  #finish(): void {
    this.#bar.value = this.#bar.max
    this.#percent.textContent = '100 %'
    const link = create('a', '', 'Open')
    link.href = this.#upload.url ?? ''
    link.setAttribute('aria-label', `Open ${this.#file.name}`)
    this.#cancel.replaceWith(link)
    this.#become('done', `Done · ${showBytes(this.#file.size)}`)
    say(`${this.#file.name} is uploaded`)
  }

  #flip(): void {
    if (this.state === 'paused' || this.state === 'failed') this.resume()
    else {
      void this.#upload.abort()
      this.#become('paused', 'Paused')
    }
  }

  async #abandon(): Promise<void> {
    this.#become('cancelled', '')
    this.row.remove()
    await this.#upload.abort(true).catch(() => this.#forget())
  }

  /** For a server that does not let clients remove uploads. */
  async #forget(): Promise<void> {
    const earlier = await this.#upload.findPreviousUploads()
    await Promise.all(earlier.map(({ urlStorageKey }) => defaultOptions.urlStorage.removeUpload(urlStorageKey)))
  }

  #become(state: State, facts: string): void {
    this.state = state
    this.row.dataset.state = state
    this.#facts.textContent = facts
    this.#toggle.hidden = state === 'done'
    this.#toggle.textContent = state === 'paused' ? 'Resume' : state === 'failed' ? 'Try again' : 'Pause'
    this.#toggle.setAttribute('aria-label', `${this.#toggle.textContent} ${this.#file.name}`)
    if (state === 'failed') say(`${this.#file.name}: ${facts}`)
    this.#onChange()
  }
}

/** The server's own sentence if it sent one. */
function reasonOf(error: Error | DetailedError): string {
  const response = 'originalResponse' in error ? error.originalResponse : null
  return response?.getBody().trim() || error.message
}
