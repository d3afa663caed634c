/**
 * Prometheus' text format, as far as tests read it, and events to fill metrics with.
 * @module
 */
import assert from 'node:assert/strict'
import type { UploadInfo } from '../../src/store/info.js'
import type { HookRequest } from '../../src/upload/hooks.js'
import type { Observer } from '../../src/upload/observer.js'

const UPLOAD: UploadInfo = {
  id: 'a',
  length: 5_000,
  offset: 5_000,
  metadata: {},
  metadataField: undefined,
  state: 'complete',
  failure: undefined,
  createdAt: 1_000,
  completedAt: 5_000,
  etag: '"a"',
  storage: {},
}

const REPORT = {
  ...{
    listed: 9,
    expired: 2,
    completed: 1,
    failed: 0,
    waiting: 0,
    tidied: 0,
    removed: 0,
    busy: 0,
    problems: 0,
    delivered: 0,
  },
  stopped: false,
}

/** Each event that an observer can be told, once. */
export function everyEvent(observer: Observer, { method = 'PATCH', failure = 'SlowDown' } = {}): void {
  const request = { method, target: '/files/a', headers: {}, remoteAddress: undefined } as HookRequest
  const end = { method, status: 409, code: 'ERR_CONFLICT', duration: 1_500, received: 1_000, upload: 'a' }
  observer.requestBegan?.(request)
  observer.created?.(UPLOAD, request)
  observer.appendBegan?.(UPLOAD, request)
  observer.stored?.(UPLOAD, 700)
  observer.appendEnded?.(UPLOAD, request)
  observer.finished?.(UPLOAD)
  observer.terminated?.(UPLOAD)
  observer.failed?.(UPLOAD)
  observer.yielded?.('a')
  observer.storeCall?.({ operation: 'uploadPart', subject: 'object', duration: 250, attempt: 2, failure })
  observer.hookEnded?.({ hook: 'onFinish', duration: 100, failure: 'timeout' })
  observer.swept?.(REPORT)
  observer.requestEnded?.(end, request)
}

/** A line for each metric: its name, its type, the names of its labels. */
export function shapeOf(text: string): string[] {
  const labels = new Map<string, Set<string>>()
  const types = new Map<string, string>()
  for (const line of text.split('\n')) {
    const declared = /^# TYPE (\S+) (\S+)$/.exec(line)
    if (declared) types.set(declared[1]!, declared[2]!)
    const sample = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line)
    if (!sample) continue
    const name = types.has(sample[1]!) ? sample[1]! : sample[1]!.replace(/_(bucket|sum|count)$/, '')
    const known = labels.get(name) ?? new Set()
    labels.set(name, known)
    for (const [, label] of (sample[2] ?? '').matchAll(/(\w+)="/g)) known.add(label!)
  }
  return [...types]
    .map(([name, type]) => `${name} ${type} ${[...(labels.get(name) ?? [])].sort().join(',')}`.trim())
    .sort()
}

/** The value of a sample, by its name and labels as they are written. */
export function samplesOf(text: string): (sample: string) => number {
  const values = new Map<string, number>()
  for (const line of text.split('\n')) {
    const match = /^(\w+(?:\{.*\})?) (\S+)$/.exec(line)
    if (match) values.set(match[1]!, Number(match[2]))
  }
  return (sample) => {
    const value = values.get(sample)
    assert.ok(value !== undefined, `no ${sample} in\n${text}`)
    return value
  }
}
