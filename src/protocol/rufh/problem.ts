/**
 * Failures as problem details (RFC 9457), with the types that the draft and its companion for digests have registered.
 * @module
 */
import type { FailureCode, UploadError } from '../../errors.js'
import type { RequestHead } from '../message.js'
import { parseSfInteger } from '../structured.js'

const REGISTRY = 'https://iana.org/assignments/http-problem-types#'

interface Kind {
  readonly type: string
  readonly title: string
  /** In place of the one that tus has. */
  readonly status?: number
}

const INCONSISTENT: Kind = { type: 'inconsistent-upload-length', title: 'Inconsistent Upload Length', status: 400 }
const MISMATCHED: Kind = { type: 'digest-mismatched-values', title: 'Mismatched Digest Values', status: 400 }

const KINDS: Partial<Record<FailureCode, Kind>> = {
  ERR_MISMATCHED_OFFSET: { type: 'mismatching-upload-offset', title: 'Mismatching Upload Offset' },
  ERR_UPLOAD_COMPLETED: { type: 'completed-upload', title: 'Upload Is Already Completed' },
  ERR_INCONSISTENT_UPLOAD_LENGTH: INCONSISTENT,
  ERR_LENGTH_ALREADY_DECLARED: INCONSISTENT,
  ERR_UPLOAD_SIZE_EXCEEDED: INCONSISTENT,
  ERR_INVALID_UPLOAD_LENGTH: INCONSISTENT,
  ERR_INVALID_DIGEST: { type: 'digest-invalid-values', title: 'Invalid Digest Values' },
  ERR_CHECKSUM_MISMATCH: MISMATCHED,
  ERR_DIGEST_MISMATCH: MISMATCHED,
}

/** Versions 3 to 6: whoever does not take DELETE "MUST respond with a 405". */
const isRefusedMethod = ({ code }: UploadError): boolean => code === 'ERR_NOT_IMPLEMENTED'

/** What the sentences of the table, which are for tus, say here. */
const DETAILS: Partial<Record<FailureCode, string>> = {
  ERR_INVALID_CONTENT_TYPE: 'The Content-Type of a PATCH must be application/partial-upload.',
  ERR_CHECKSUM_MISMATCH: 'The body does not have the Content-Digest that was sent with it; send it again.',
  ERR_MAX_SIZE_EXCEEDED: 'The upload is larger than this server accepts; Upload-Limit tells the limit.',
}

/** @returns the status, and the body in JSON */
export function problemOf(error: UploadError, head: RequestHead): { status: number; text: string } {
  const { code, message, offset } = error
  const kind = KINDS[code]
  const status = isRefusedMethod(error) ? 405 : (kind?.status ?? error.status)
  const problem = {
    type: kind ? REGISTRY + kind.type : 'about:blank',
    title: kind?.title ?? code,
    status,
    detail: DETAILS[code] ?? message,
    code,
    ...(code === 'ERR_MISMATCHED_OFFSET'
      ? { 'expected-offset': offset, 'provided-offset': parseSfInteger(head.fields['upload-offset']) }
      : {}),
  }
  return { status, text: `${JSON.stringify(problem)}\n` }
}
