/**
 * The page: files come by drop or by choice, and a few at a time are sent.
 * @module
 */
import { byId, say } from './dom.js'
import { showEarlier } from './earlier.js'
import { Transfer } from './transfer.js'

/** Browsers open six connections to a server; some are left for the rest of the page. */
const AT_ONCE = 3

const endpoint = document.querySelector<HTMLMetaElement>('meta[name="holdfast-endpoint"]')?.content ?? '/files/'
let transfers: Transfer[] = []
/** The names and sizes of files on the page, which are not shown as unfinished. */
const onPage = new Set<string>()

const keyOf = (name: string, size: number | null): string => `${size} ${name}`

function add(files: Iterable<File>): void {
  const added = [...files]
  for (const file of added) {
    const known = transfers.find((transfer) => transfer.isOf(file) && transfer.state !== 'done')
    if (known) {
      known.resume()
      continue
    }
    const transfer = new Transfer(file, new URL(endpoint, location.href).href, update)
    transfers.unshift(transfer)
    onPage.add(keyOf(file.name, file.size))
    byId('uploads').prepend(transfer.row)
  }
  if (added.length > 0) say(added.length === 1 ? `Uploading ${added[0]!.name}` : `Uploading ${added.length} files`)
  update()
  void refreshEarlier()
}

/** Starts as many as there is room for, the oldest first. */
function update(): void {
  transfers = transfers.filter((transfer) => transfer.state !== 'cancelled')
  byId('uploads-section').hidden = transfers.length === 0
  for (const transfer of transfers.toReversed()) {
    // Each start may come back here, so it is counted anew.
    if (transfers.filter(({ state }) => state === 'sending').length >= AT_ONCE) break
    if (transfer.state === 'waiting') void transfer.start()
  }
}

const refreshEarlier = (): Promise<void> => showEarlier((name, size) => onPage.has(keyOf(name, size)))

function listenForDrops(): void {
  const drop = byId('drop')
  let depth = 0
  const over = (change: number): void => {
    depth = Math.max(0, depth + change)
    drop.classList.toggle('over', depth > 0)
  }
  addEventListener('dragenter', () => over(1))
  addEventListener('dragleave', () => over(-1))
  // Without this the browser would leave the page and open the file.
  addEventListener('dragover', (event) => event.preventDefault())
  addEventListener('drop', (event) => {
    event.preventDefault()
    over(-depth)
    add(event.dataTransfer?.files ?? [])
  })
}

const picker = byId<HTMLInputElement>('picker')
picker.addEventListener('change', () => {
  add(picker.files ?? [])
  // So that choosing the same file again is a change.
  picker.value = ''
})
listenForDrops()
void refreshEarlier()
