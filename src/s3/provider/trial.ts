/**
 * Tries at start what is to be stored with every object: a bucket may take no ACLs, a provider no such storage class, and the
 * credentials may not use the KMS key. Else the first upload would find out when all its bytes are there.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { UploadError } from '../../errors.js'
import { type Call, payloadOf } from '../call/call.js'
import { asStoreFailure, isClear, S3Fault } from '../call/faults.js'
import { objectHead } from '../object-head.js'
import type { ResolvedOptions } from '../options.js'
import { PROBE_MARK } from './probe.js'

/**
 * One small object, removed at once; none, if nothing is asked for that could be refused.
 * @throws UploadError ERR_INVALID_OPTIONS: refused · others: not found out, ask again later
 */
export async function tryOptions(
  call: Call,
  options: Pick<ResolvedOptions, 'object' | 'encryption'>,
  objectPrefix: string,
): Promise<void> {
  const object = typeof options.object === 'object' ? options.object : {}
  const { tags = {}, acl, storageClass } = object
  const isPlain = acl === undefined && storageClass === undefined && Object.keys(tags).length === 0
  if (isPlain && options.encryption === undefined) return
  const key = `${objectPrefix}${PROBE_MARK}${randomBytes(12).toString('hex')}`
  const bytes = Buffer.from('Holdfast asks what this bucket takes.\n')
  const head = objectHead({ id: 'probe', metadata: {}, object }, 'probe')
  try {
    await call('putObject', { key, body: payloadOf([bytes], bytes.length), data: false, ...head })
  } catch (error) {
    if (!(error instanceof S3Fault && isClear(error))) throw asStoreFailure(error)
    const found = [error.status, error.code].filter(Boolean).join(' ')
    const message = `The bucket refuses what is to be stored with objects (object, encryption): ${found}.`
    throw new UploadError('ERR_INVALID_OPTIONS', { message, cause: error })
  } finally {
    await call('deleteObjects', { keys: [key] }).catch(() => undefined)
  }
}
