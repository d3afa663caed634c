/**
 * A server by the built command that is killed and started anew on its port.
 * @module
 */
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { afterwards, type Command, startCommand } from '../cli/command.js'
import { BUCKET, type Bucket } from './bucket.js'

export class MortalServer {
  readonly #args: readonly string[]
  readonly #environment: Record<string, string>
  #command: Command | undefined
  #port = '0'
  #peak = 0
  #ticker: NodeJS.Timeout | undefined
  url = ''
  deaths = 0

  /** @param args of the command, without --port */
  constructor(context: TestContext, args: readonly string[], environment: Record<string, string> = {}) {
    this.#args = args
    this.#environment = environment
    afterwards(context, () => this.kill())
  }

  get stdout(): string {
    return this.#command?.stdout ?? ''
  }

  get stderr(): string {
    return this.#command?.stderr ?? ''
  }

  /** Bytes; the largest resident set of any incarnation until now. */
  get peak(): number {
    this.#measure()
    return this.#peak
  }

  async start(): Promise<void> {
    const command = startCommand([...this.#args, '--port', this.#port], this.#environment)
    this.#command = command
    const [, url] = await command.waitFor(/You can now upload files to: (\S+)/)
    if (this.url !== '' && this.url !== url) throw new Error(`it came back at ${url}, not at ${this.url}`)
    this.url = url!
    this.#port = new URL(url!).port
    this.#ticker = setInterval(() => this.#measure(), 200)
  }

  async kill(): Promise<void> {
    clearInterval(this.#ticker)
    this.#measure()
    this.#command?.child.kill('SIGKILL')
    await this.#command?.ended
  }

  async killAndRestart(): Promise<void> {
    await this.kill()
    this.deaths++
    await this.start()
  }

  /** The kernel keeps the high-water mark, so nothing between two looks is missed. */
  #measure(): void {
    try {
      const status = readFileSync(`/proc/${this.#command?.pid}/status`, 'utf8')
      this.#peak = Math.max(this.#peak, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024)
    } catch {
      // It is gone; what was seen before counts.
    }
  }
}

/** Where the command finds the bucket. */
export const s3Args = ({ endpoint }: Pick<Bucket, 'endpoint'>): string[] => [
  '--s3-bucket',
  BUCKET,
  '--s3-endpoint',
  endpoint,
]

export const s3Environment = ({ credentials }: Pick<Bucket, 'credentials'>): Record<string, string> => ({
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
})
