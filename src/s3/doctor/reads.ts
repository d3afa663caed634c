/**
 * What commits rest on when they read: the last write is seen, and who reads while a key is replaced gets one version,
 * whole, with its own ETag.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { bytesPayload, freshPayload, readAll } from './payload.js'
import type { Room } from './room.js'
import { WITHOUT_CONDITIONS } from './writes.js'

/** Bytes: about what a record has. */
const RECORD = 4_000
const READERS = 4
/** Milliseconds. */
const LONGEST = 5_000

/** Every commit is read by whoever comes next, on any node. */
export async function readAfterWrite(room: Room): Promise<void> {
  const key = room.key('read')
  const rounds = room.options.quick ? 2 : 5
  let stale = 0
  for (let round = 0; round < rounds; round++) {
    const input = { key: `${key}-${round % 2}`, body: freshPayload(), data: false }
    const written = Buffer.concat([...(input.body.chunks() as Iterable<Uint8Array>)])
    await room.call('putObject', input)
    const { output } = await room.ask(room.call('getObject', { key: input.key }).then(({ body }) => readAll(body)))
    if (!output?.equals(written)) stale++
  }
  if (stale === 0) return room.find('Writes', 'Reading what was just written', 'ok', 'always the last bytes')
  const meaning =
    'Records must be read as they were last written: the server would refuse requests, or offer old offsets.'
  room.find('Writes', 'Reading what was just written', 'failure', `${stale} of ${rounds} reads were old`, meaning)
}

/**
 * A record that is read while another node replaces it: with the ETag of one version and the bytes of another, the next
 * commit would go through and undo the one before it.
 */
export async function readDuringWrite(room: Room): Promise<void> {
  const what = 'Reading while it is replaced'
  const key = room.key('replaced')
  const written = new Map<string, string>()
  const write = async (): Promise<void> => {
    const bytes = randomBytes(RECORD + written.size)
    const { etag } = await room.call('putObject', { key, body: bytesPayload(bytes), data: false })
    written.set(bytes.toString('base64'), etag)
  }
  // A reader may see bytes before their writer is told that they are stored, so reads are judged in the end.
  const reads: { text: string | undefined; etag: string }[] = []
  const until = Date.now() + LONGEST
  let isDone = false
  const read = async (): Promise<void> => {
    while (!isDone) {
      const { output } = await room.ask(room.call('getObject', { key }))
      if (output) reads.push({ etag: output.etag, text: (await room.ask(textOf(output.body))).output })
    }
  }
  const replace = async (): Promise<void> => {
    for (let left = replacements(room); left > 0 && Date.now() < until; left--) await write()
  }
  await write()
  const writing = replace().finally(() => {
    isDone = true
  })
  await Promise.all([writing, ...Array.from({ length: READERS }, read)])
  // A body that broke off is none of them either.
  const torn = reads.filter(({ text, etag }) => text === undefined || written.get(text) !== etag).length
  if (torn === 0) return room.find('Writes', what, 'ok', `${reads.length} reads, each a whole version`)
  room.facts.conditionalWrites = 'none'
  const found = `${torn} of ${reads.length} reads are no version that was written`
  room.find('Writes', what, 'warning', found, `Records can be read half replaced. ${WITHOUT_CONDITIONS}`)
}

/** Where a key takes one write a second, there is no time for many. */
const replacements = ({ options, facts }: Room): number => (facts.writeInterval ? 2 : options.quick ? 20 : 200)

const textOf = async (body: AsyncIterable<Uint8Array>): Promise<string> => (await readAll(body)).toString('base64')
