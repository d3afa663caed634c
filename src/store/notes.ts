/**
 * What is kept with a record beside the upload itself: how a store commits it, and tells it. Pure.
 * @module
 */
import type { Notes, UploadInfo } from './info.js'

/** The failure of an upload that was terminated. */
export const TERMINATED = 'The upload was terminated.'

/** What a record has of these, a store keeps and tells as it is. */
export type Kept = Pick<UploadInfo, (typeof KEPT)[number]>

const KEPT = ['owner', 'key', 'object', 'maxSize', 'outbox', 'answer', 'refusal'] as const

/** The fields of a record that `info` tells unchanged, where there are any. */
export function keptOf(record: Kept): Kept {
  const kept: Record<string, unknown> = {}
  for (const name of KEPT) if (record[name] !== undefined) kept[name] = record[name]
  return kept as Kept
}

/** What to commit: an empty outbox is none, and what is absent stays. */
export function noted({ outbox, answer, refusal }: Notes = {}): Notes {
  return {
    ...(outbox === undefined ? {} : { outbox: outbox.length > 0 ? outbox : undefined }),
    ...(answer === undefined ? {} : { answer }),
    ...(refusal === undefined ? {} : { refusal }),
  }
}

/** Whether a record has these notes already. */
export function hasNotes(record: Notes, notes: Notes): boolean {
  const changes = noted(notes)
  return (Object.keys(changes) as (keyof Notes)[]).every((name) => isSame(record[name], changes[name]))
}

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)
