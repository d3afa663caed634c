/**
 * The bytes of an upload in S3, read and held against its record: of a complete one the object, of an unfinished one the
 * segments of its tail. The bytes of parts cannot be read before they are an object; their ETags tell.
 * @module
 */
import { crc32 } from '../../store/crc32-of.js'
import type { Finding, Verification, VerifyOptions } from '../../store/inspect.js'
import { type Checksums, differences, measure, resumed } from '../../store/measure.js'
import { asStoreFailure, means } from '../call/faults.js'
import type { S3Context } from '../context.js'
import type { Segment } from '../record/record.js'
import type { Sight } from './sight.js'

type Verified = Pick<Verification, 'result' | 'read' | 'crc32' | 'findings'>

/** @throws UploadError ERR_STORE_UNAVAILABLE */
export async function verifySight(
  context: S3Context,
  sight: Sight,
  seen: readonly Finding[],
  { quick = false, onBytes }: VerifyOptions,
): Promise<Verified> {
  const { upload, object } = sight
  if (upload.state === 'complete') {
    if (quick || isWrong(seen) || !isHere(seen))
      return { result: quickResult(sight, seen), read: 0, crc32: undefined, findings: seen }
    return wholeOf(context, sight, seen, onBytes)
  }
  const isObject = upload.state === 'completing' && upload.uploadId === undefined && object !== undefined
  if (quick || isObject || upload.state === 'failed') return { ...unfinished(seen), read: 0 }
  const named = upload.tail.filter(({ slot, etag }) =>
    sight.slots.some((one) => one.slot === slot && one.etag === etag),
  )
  const checked = await Promise.all(named.map((segment) => ofSegment(context, sight, segment, onBytes)))
  const read = checked.reduce((sum, { bytes }) => sum + bytes, 0)
  return { ...unfinished([...seen, ...checked.flatMap(({ findings }) => findings)]), read }
}

/** The application may have moved or replaced it. */
const isHere = (findings: readonly Finding[]): boolean =>
  !findings.some(({ code }) => code === 'object-moved' || code === 'object-replaced')

const isWrong = (findings: readonly Finding[]): boolean => findings.some(({ level }) => level === 'wrong')

/** S3 keeps the checksum beside the object, and verified it once. */
function quickResult({ upload, object }: Sight, seen: readonly Finding[]): Verified['result'] {
  if (isWrong(seen)) return 'wrong'
  if (!isHere(seen)) return 'unknown'
  return object?.crc32 !== undefined && upload.crc32 !== undefined ? 'good' : 'unknown'
}

const unfinished = (findings: readonly Finding[]): Omit<Verified, 'read'> => ({
  result: isWrong(findings) ? 'wrong' : 'unfinished',
  crc32: undefined,
  findings,
})

async function wholeOf(
  { call }: S3Context,
  { upload, keys, object }: Sight,
  seen: readonly Finding[],
  onBytes: VerifyOptions['onBytes'],
): Promise<Verified> {
  const { etag, offset, digests } = upload
  const open = async (first: number): Promise<AsyncIterable<Uint8Array>> =>
    (await call('getObject', { key: keys.object, range: first > 0 ? `bytes=${first}-` : undefined, ifMatch: etag }))
      .body
  try {
    const checksums = upload.crc32 === undefined ? ofWhole(object?.checksums) : undefined
    const found = await measure(resumed(offset, open), { digests, checksums }, onBytes)
    const findings = [
      ...seen,
      ...differences({ offset, crc32: upload.crc32 ?? object?.crc32, digests, checksums }, found),
    ]
    const known = (upload.crc32 ?? object?.crc32 ?? digests ?? checksums) !== undefined
    const result = isWrong(findings) ? 'wrong' : known ? 'good' : 'unknown'
    return { result, read: found.length, crc32: found.length === offset ? found.crc32 : undefined, findings }
  } catch (error) {
    if (!means(error, 'missing-object', 'precondition')) throw asStoreFailure(error)
    const text = 'The object was replaced or removed while it was read.'
    return {
      result: 'wrong',
      read: 0,
      crc32: undefined,
      findings: [...seen, { code: 'object-changed', level: 'wrong', text }],
    }
  }
}

/** What S3 computed of the very bytes, where the record has no checksum; one of the parts' checksums says nothing here. */
function ofWhole(told: Record<string, string> | undefined): Checksums | undefined {
  if (told?.Type === 'COMPOSITE') return undefined
  const { CRC32C, CRC64NVME } = told ?? {}
  const known = { ...(CRC32C ? { CRC32C } : {}), ...(CRC64NVME ? { CRC64NVME } : {}) }
  return Object.keys(known).length > 0 ? known : undefined
}

async function ofSegment(
  { call }: S3Context,
  { keys }: Sight,
  { slot, length, etag, crc32: known }: Segment,
  onBytes: VerifyOptions['onBytes'],
): Promise<{ bytes: number; findings: Finding[] }> {
  try {
    const { body } = await call('getObject', { key: keys.slot(slot), range: `bytes=0-${length - 1}`, ifMatch: etag })
    let bytes = 0
    let sum = 0
    for await (const chunk of body) {
      bytes += chunk.byteLength
      sum = crc32(chunk, sum)
      onBytes?.(chunk.byteLength)
    }
    const isSame = bytes === length && (known === undefined || known === sum)
    const text = `Slot ${slot} holds other bytes than were committed: CRC32 ${sum} of ${bytes} bytes, not ${known} of ${length}.`
    return { bytes, findings: isSame ? [] : [{ code: 'slot-other-bytes', level: 'wrong', text }] }
  } catch (error) {
    if (!means(error, 'missing-object', 'precondition')) throw asStoreFailure(error)
    const text = `Slot ${slot} was replaced or removed while it was read.`
    return { bytes: 0, findings: [{ code: 'slot-changed', level: 'note', text }] }
  }
}
