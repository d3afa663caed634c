/**
 * The status page: asks once a second, and shows what it is told.
 * @module
 */

import type { EndedStatus, Snapshot, UploadStatus } from '../../status/snapshot.js'
import { button, byId, create, say } from '../dom.js'
import { showBytes, showTime } from '../format.js'
import { type Curve, plot } from './plot.js'

const PERIOD = 1_000

let shown: Snapshot | undefined

const showRate = (bytes: number): string => (bytes > 0 ? `${showBytes(bytes)}/s` : '–')
const ago = (now: number, at: number): string => showTime(Math.max(0, now - at) / 1_000)
const plain = new Intl.NumberFormat('en')

async function ask(): Promise<void> {
  try {
    const answer = await fetch('data', { cache: 'no-store', signal: AbortSignal.timeout(10_000) })
    if (!answer.ok) throw new Error(`answered ${answer.status}`)
    show((await answer.json()) as Snapshot)
    link('live', 'live')
  } catch (error) {
    link('lost', error instanceof Error && /^answered/.test(error.message) ? error.message : 'no answer')
  }
  setTimeout(() => void ask(), document.hidden ? 10 * PERIOD : PERIOD)
}

function link(state: string, text: string): void {
  byId('link').dataset.state = state
  byId('link').textContent = text
}

function show(snapshot: Snapshot): void {
  shown = snapshot
  byId('since').textContent = `Up for ${ago(snapshot.now, snapshot.startedAt)}.`
  showTotals(snapshot)
  showPlots(snapshot)
  showUploads(snapshot)
  showEnded(snapshot)
}

function showTotals({ totals, uploads, more }: Snapshot): void {
  const active = uploads.filter(({ isActive }) => isActive).length
  const cells: [string, string, boolean?][] = [
    ['Sending', plain.format(active)],
    ['Unfinished', plain.format(uploads.length + more)],
    ['Created', plain.format(totals.created)],
    ['Finished', plain.format(totals.finished)],
    ['Failed', plain.format(totals.failed), totals.failed > 0],
    ['Terminated', plain.format(totals.terminated)],
    ['Stored', showBytes(totals.bytes)],
    ['Requests', plain.format(totals.requests)],
    ['Answered 5xx', plain.format(totals.errors), totals.errors > 0],
  ]
  byId('totals').replaceChildren(
    ...cells.map(([name, value, isBad = false]) => {
      const cell = create('div')
      cell.dataset.bad = String(isBad)
      cell.append(create('dt', '', name), create('dd', '', value))
      return cell
    }),
  )
}

const svg = (id: string): Element => document.querySelector(`svg#${id}`)!

function showPlots({ seconds, now }: Snapshot): void {
  const at = Math.floor(now / 1_000)
  const bytes = new Map(seconds.map((second) => [second.at, second.bytes]))
  const mean = new Map(
    seconds.filter(({ calls }) => calls > 0).map((second) => [second.at, second.callTime / second.calls]),
  )
  const slowest = new Map(seconds.filter(({ calls }) => calls > 0).map((second) => [second.at, second.slowest]))
  const stored: Curve = { className: 'curve', points: bytes, isArea: true }
  const latency: Curve[] = [
    { className: 'curve faint', points: slowest, hasGaps: true },
    { className: 'curve', points: mean, hasGaps: true },
  ]
  byId('throughput-most').textContent = showRate(plot(svg('throughput'), at, [stored]))
  const failed = seconds.filter((second) => second.failed > 0).map((second) => second.at)
  byId('latency-most').textContent = `${Math.round(plot(svg('latency'), at, latency, failed))} ms`
  const last = seconds.filter((second) => second.at >= at - 5 && second.at < at)
  byId('throughput-now').textContent = showRate(last.reduce((sum, second) => sum + second.bytes, 0) / 5)
  const calls = last.reduce((sum, second) => sum + second.calls, 0)
  const time = last.reduce((sum, second) => sum + second.callTime, 0)
  byId('latency-now').textContent =
    calls > 0 ? `${Math.round(time / calls)} ms · ${plain.format(Math.round(calls / 5))}/s` : '–'
}

function showUploads({ uploads, more, now }: Snapshot): void {
  const sought = byId<HTMLInputElement>('find').value.trim().toLowerCase()
  const found = uploads.filter(({ id, name = '', client = '', owner = '' }) =>
    `${id} ${name} ${client} ${owner}`.toLowerCase().includes(sought),
  )
  byId('uploads-count').textContent = more > 0 ? `${uploads.length} of ${uploads.length + more}` : ''
  byId('uploads-none').hidden = found.length > 0
  update(
    byId('uploads'),
    found,
    (upload) => upload.id,
    (row, upload) => fill(row, upload, now),
  )
}

/** Keeps the rows that are there, so that a focus or a selection is not lost each second. */
function update<T>(
  body: HTMLElement,
  items: readonly T[],
  idOf: (item: T) => string,
  fillIn: (row: HTMLElement, item: T) => void,
): void {
  const rows = new Map([...body.children].map((row) => [(row as HTMLElement).dataset.id, row as HTMLElement]))
  const wanted = items.map((item) => {
    const row = rows.get(idOf(item)) ?? create('tr')
    row.dataset.id = idOf(item)
    fillIn(row, item)
    return row
  })
  for (const row of rows.values()) if (!wanted.includes(row)) row.remove()
  for (const [index, row] of wanted.entries())
    if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null)
}

function fill(row: HTMLElement, upload: UploadStatus, now: number): void {
  row.dataset.active = String(upload.isActive)
  if (row.children.length === 0) {
    const progress = create('td', 'progress')
    progress.append(create('span'), create('progress'))
    const action = create('td')
    action.append(button('Terminate', upload.name ?? upload.id, () => void terminate(upload)))
    row.append(
      named(upload),
      progress,
      create('td', 'number'),
      create('td', 'number'),
      create('td'),
      create('td'),
      create('td'),
      action,
    )
  }
  const { offset, size, rate } = upload
  const [, progress, sizes, rates, left, age, client] = row.children as unknown as HTMLElement[]
  const bar = progress!.querySelector('progress')!
  progress!.querySelector('span')!.textContent =
    size === undefined ? showBytes(offset) : `${size === 0 ? 100 : Math.floor((offset / size) * 100)} %`
  if (size === undefined) bar.removeAttribute('value')
  else bar.setAttribute('value', String(size === 0 ? 1 : offset / size))
  sizes!.textContent = size === undefined ? 'unknown' : showBytes(size)
  rates!.textContent = showRate(rate)
  left!.textContent =
    size !== undefined && rate > 0
      ? showTime((size - offset) / rate)
      : upload.isActive
        ? '–'
        : `idle ${ago(now, upload.changedAt)}`
  age!.textContent = ago(now, upload.createdAt)
  client!.textContent = upload.client ?? '–'
}

function named({ id, name, owner }: UploadStatus | EndedStatus): HTMLElement {
  const cell = create('td')
  cell.title = `${name ?? id}${owner === undefined ? '' : `, of ${owner}`}`
  cell.append(name ?? id, create('small', '', [name && id, owner && `of ${owner}`].filter(Boolean).join(' · ')))
  return cell
}

function showEnded({ ended, now }: Snapshot): void {
  byId('ended-none').hidden = ended.length > 0
  const latest = ended.slice(0, 50)
  update(
    byId('ended'),
    latest,
    ({ id, endedAt }) => `${id} ${endedAt}`,
    (row, item) => {
      if (row.children.length === 0) {
        const end = create('td', '', item.end)
        end.dataset.end = item.end
        if (item.reason) end.append(create('small', '', item.reason))
        const size = create('td', 'number', item.size === undefined ? 'unknown' : showBytes(item.size))
        const took = create('td', '', showTime((item.endedAt - item.createdAt) / 1_000))
        row.append(named(item), end, size, took, create('td'), create('td', '', item.client ?? '–'))
      }
      row.children[4]!.textContent = `${ago(now, item.endedAt)} ago`
    },
  )
}

async function terminate({ id, name = id }: UploadStatus): Promise<void> {
  const dialog = byId<HTMLDialogElement>('sure')
  byId('sure-name').textContent = name
  dialog.returnValue = ''
  dialog.showModal()
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }))
  if (dialog.returnValue !== 'yes') return
  const headers = { 'Content-Type': 'application/json', 'X-Holdfast': 'status' }
  const answer = await fetch('terminate', { method: 'POST', headers, body: JSON.stringify({ id }) }).catch(
    () => undefined,
  )
  say(
    answer?.ok
      ? `${name} is terminated`
      : `${name} could not be terminated: ${answer ? await answer.text() : 'no answer'}`,
  )
}

byId('find').addEventListener('input', () => shown && showUploads(shown))
void ask()
