/**
 * A process of its own that appends to an upload in a DiskStore and tells what was committed, line by line. Run with
 * one argument, the task as JSON; it appends the seeded bytes from the committed offset on.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { DiskStore } from '../../../src/disk/index.js'
import { UploadError } from '../../../src/errors.js'
import { bodyOf, chunksOf, seededBytes } from '../../support/body.js'

export interface Task {
  directory: string
  id: string
  seed: number
  /** Bytes of the whole upload, of which the rest is appended. */
  size: number
  chunk: number
  /** Milliseconds after each chunk. */
  pause: number
  lockTimeout?: number
  /** The offset to append at, whatever is committed. Default: the committed one. */
  from?: number
  /** Milliseconds since the epoch at which the append begins: lets two processes begin at once. */
  at?: number
}

const say = (line: string): boolean => process.stdout.write(`${line}\n`)

async function write(task: Task): Promise<void> {
  const { directory, id, seed, size, chunk, pause, lockTimeout, from, at } = task
  const upload = await new DiskStore({ directory, lockTimeout }).open(id)
  const offset = from ?? upload.info.offset
  async function* slowly() {
    for (const piece of chunksOf(seededBytes(seed, size).subarray(offset), chunk)) {
      yield piece
      if (pause > 0) await sleep(pause)
    }
  }
  if (at !== undefined) await sleep(Math.max(0, at - Date.now()))
  say(`at ${offset}`)
  const body = bodyOf(slowly())
  const committed = await upload.append(offset, body, { onCommit: (now) => say(`commit ${now}`) })
  say(`${body.ended} ${committed}`)
}

try {
  await write(JSON.parse(process.argv[2] ?? '{}') as Task)
} catch (error) {
  const cause = (error as { cause?: { code?: string } }).cause?.code ?? ''
  say(`error ${error instanceof UploadError ? error.code : String(error)} ${cause}`)
}
