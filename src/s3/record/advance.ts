/**
 * What confirmed parts add to a record. Pure.
 * @module
 */
import { combineCrc32 } from '../../store/crc32.js'
import type { ConfirmedPart } from '../parts/window.js'
import { chainEtag, type UploadRecord } from './record.js'

export type Progress = Pick<UploadRecord, 'parts' | 'partBytes' | 'partsDigest' | 'crc32' | 'tail'>

/** The first part after a tail has the tail's bytes in it. @param confirmed in order, following the record's parts */
export function advance(record: UploadRecord, confirmed: readonly ConfirmedPart[]): Progress {
  let { parts, partBytes, partsDigest, crc32 } = record
  for (const part of confirmed) {
    parts++
    partBytes += part.length
    partsDigest = chainEtag(partsDigest, part.etag)
    crc32 = combineCrc32(crc32, part.crc32, part.length)
  }
  return { parts, partBytes, partsDigest, crc32, tail: confirmed.length > 0 ? [] : record.tail }
}
