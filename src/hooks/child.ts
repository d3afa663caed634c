/**
 * One run of a program: JSON in, text out, both bounded, and nothing of it left when its time is up.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'

export interface Running {
  readonly program: string
  readonly directory: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly input: string
  /** Bytes of its stdout. */
  readonly sizeLimit: number
  /** Told each line of its stderr. */
  readonly onLine: (line: string) => void
  readonly signal: AbortSignal
}

/** Milliseconds for what the program left running to give its stdout back. */
const GRACE = 250

/** Characters of a line, and lines of a run, that are told. */
const LONGEST_LINE = 1_000
const MOST_LINES = 200

/** @returns its stdout @throws Error */
export async function run({ program, directory, environment, input, sizeLimit, onLine, signal }: Running) {
  signal.throwIfAborted()
  // A group of its own, so that what it starts ends with it.
  const child = spawn(program, { cwd: directory, env: environment, detached: process.platform !== 'win32' })
  const kill = (): void => killGroup(child)
  signal.addEventListener('abort', kill)
  const exit = exitOf(child)
  try {
    // Where no file can be opened any more there are no streams, and the exit tells why.
    if (!child.stdout) await exit
    const output = collect(child.stdout, sizeLimit, kill)
    tellLines(child.stderr, onLine)
    // It need not read its input.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    const { code, killedBy } = await exit
    signal.throwIfAborted()
    if (output.isTooLarge) throw new Error(`it wrote more than ${sizeLimit} bytes`)
    if (code !== 0) throw new Error(killedBy ? `it was ended by ${killedBy}` : `it ended with code ${code}`)
    await settled(child)
    return output.text()
  } finally {
    signal.removeEventListener('abort', kill)
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy()
  }
}

/** Rejects if it could not be started. */
const exitOf = (child: ChildProcess) =>
  new Promise<{ code: number | null; killedBy: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => reject(new Error(`it cannot be run (${error.code})`)))
    child.once('exit', (code, killedBy) => resolve({ code, killedBy }))
  })

/** A program that it left running may hold its stdout open: nobody waits for that. */
async function settled(child: ChildProcess): Promise<void> {
  if (child.stdout?.readableEnded) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, GRACE)
    child.stdout?.once('end', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    if (process.platform === 'win32') child.kill('SIGKILL')
    else process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

function collect(stream: Readable, sizeLimit: number, tooLarge: () => void) {
  const chunks: Buffer[] = []
  let size = 0
  stream.on('error', () => undefined)
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= sizeLimit) chunks.push(chunk)
    else tooLarge()
  })
  return {
    get isTooLarge() {
      return size > sizeLimit
    },
    text: () => Buffer.concat(chunks).toString('utf8'),
  }
}

function tellLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = ''
  let lines = 0
  const tell = (line: string): void => {
    if (line !== '' && lines++ < MOST_LINES) onLine(line.slice(0, LONGEST_LINE))
  }
  stream.on('error', () => undefined)
  stream.setEncoding('utf8').on('data', (text: string) => {
    const all = (rest + text).split('\n')
    rest = (all.pop() ?? '').slice(0, LONGEST_LINE)
    for (const line of all) tell(line)
  })
  stream.once('end', () => tell(rest))
}
