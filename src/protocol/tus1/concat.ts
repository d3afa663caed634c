/**
 * Upload-Concat (tus 1.0.0, Concatenation): `partial`, or `final;` and a list of the URLs of partial uploads.
 * @module
 */
import { UploadError } from '../../errors.js'
import type { Concat } from '../../store/info.js'

/**
 * @param idOf the upload that a URL means; undefined for a URL that is none of this server's uploads
 * @throws UploadError ERR_INVALID_CONCAT
 */
export function parseConcat(field: string | undefined, idOf: (url: string) => string | undefined): Concat | undefined {
  if (field === undefined) return undefined
  if (field === 'partial') return { kind: 'partial' }
  if (!field.startsWith('final;')) throw new UploadError('ERR_INVALID_CONCAT')
  // tusd's clients put a blank behind the semicolon.
  const urls = field
    .slice('final;'.length)
    .split(' ')
    .filter((url) => url !== '')
  if (urls.length === 0) throw new UploadError('ERR_INVALID_CONCAT')
  return { kind: 'final', partials: urls.map((url, index) => idOf(url) ?? refuse(index)), field }
}

function refuse(index: number): never {
  const message = `URL ${index + 1} in Upload-Concat is not that of an upload of this server.`
  throw new UploadError('ERR_INVALID_CONCAT', { message })
}

/** As received; or made anew, if the record knows no field (another server wrote it) or one that no header can carry. */
export function renderConcat(concat: Concat, locate: (id: string) => string): string {
  if (concat.kind === 'partial') return 'partial'
  const { field, partials } = concat
  return field !== undefined && /^[\x20-\x7e]*$/.test(field) ? field : `final;${partials.map(locate).join(' ')}`
}
