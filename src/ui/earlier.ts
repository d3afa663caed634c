/**
 * Uploads of earlier visits that did not end. A page cannot open their files by itself, so it asks for them.
 * @module
 */
import { defaultOptions, type PreviousUpload } from 'tus-js-client'
import { button, byId, create, row } from './dom.js'
import { showBytes } from './format.js'

const storage = defaultOptions.urlStorage

/** Shows what the browser remembers, but for the uploads on the page. */
export async function showEarlier(isOnPage: (name: string, size: number | null) => boolean): Promise<void> {
  const all = await storage.findAllUploads()
  const earlier = all.filter((upload) => !isOnPage(upload.metadata.filename ?? '', upload.size))
  const list = byId('earlier')
  list.replaceChildren(...earlier.map((upload) => itemOf(upload)))
  byId('earlier-section').hidden = earlier.length === 0
}

function itemOf(upload: PreviousUpload): HTMLLIElement {
  const name = upload.metadata.filename ?? 'a file'
  const item = create('li')
  const facts = create('span', 'percent', upload.size === null ? '' : showBytes(upload.size))
  const forget = async (): Promise<void> => {
    item.remove()
    byId('earlier-section').hidden = byId('earlier').childElementCount === 0
    await storage.removeUpload(upload.urlStorageKey)
  }
  const remove = button('Remove', name, () => {
    void ask('DELETE', upload.uploadUrl)
    void forget()
  })
  item.append(row(create('span', 'name', name), facts, remove))
  void ask('HEAD', upload.uploadUrl).then((response) => {
    if (response?.status === 404 || response?.status === 410) return forget()
    const offset = Number(response?.headers.get('Upload-Offset') ?? Number.NaN)
    if (upload.size && offset >= 0) {
      facts.textContent = `${Math.floor((offset / upload.size) * 100)} % of ${showBytes(upload.size)}`
    }
  })
  return item
}

/** @returns undefined if there is no answer */
async function ask(method: string, url: string | null): Promise<Response | undefined> {
  if (url === null) return undefined
  return fetch(url, { method, headers: { 'Tus-Resumable': '1.0.0' } }).catch(() => undefined)
}
