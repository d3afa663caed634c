/**
 * Resumable Uploads for HTTP (draft-ietf-httpbis-resumable-upload): the rules of interop version 9, in the order of its text, and
 * then what older versions demand that it does not. What a text says without a key word of RFC 2119 is no row.
 * @module
 */
import { type Rule, type Specification, sections } from './rule.js'

const section = sections('rufh')

const WIRE = 'nothing of it is seen on the wire'
const NO_APPEND_LIMIT = 'this server sets no limit for one request, so none can be overstepped'
const NO_AUTHORIZATION = 'this server knows no users: whoever puts it behind a handler or a proxy decides who may ask'

const resource: Rule[] = [
  ...section(
    'Upload Resource',
    ['server', 'SHOULD', 'unique', 'Each upload has a URI of its own.'],
    ['server', 'SHOULD', 'not-reused', 'A URI is not used again for another upload.'],
  ),
  ...section(
    'Offset',
    ['server', 'MUST NOT', 'offset-decreases', 'The offset does not decrease.'],
    [
      'server',
      'MUST',
      'lost-state',
      'If anything of the state is lost, the upload takes no more bytes and gives none.',
    ],
    [
      'server',
      'MUST',
      'lost-state-head',
      'Its offset is not told any more.',
      {
        broken:
          'on disk, HEAD tells what the record says; that bytes are missing from the file is found by the append, which then fails (500) each time',
      },
    ],
    ['server', 'MUST', 'offset-malformed', 'Upload-Offset with any value but a non-negative integer counts as absent.'],
  ),
  ...section(
    'Completeness',
    ['server', 'MUST', 'complete-malformed', 'Upload-Complete with any value but a boolean counts as absent.'],
    [
      'client',
      'SHOULD NOT',
      'complete-resume',
      'After an answer with `Upload-Complete: ?1` nothing is sent any more; bytes that are sent are refused, and change nothing.',
    ],
  ),
  ...section(
    'Length',
    ['client', 'SHOULD', 'length-early', 'The length is told as soon as it is known, with any request.'],
    ['server', 'MUST', 'length-malformed', 'Upload-Length with any value but a non-negative integer counts as absent.'],
    [
      'client',
      'MUST',
      'length-match',
      'Upload-Length, and the body of a request that ends the upload, say the same length; otherwise the answer is 400 of its problem type.',
    ],
    [
      'client',
      'MUST',
      'length-consistent',
      'A length that is known stays the same in later requests; otherwise the answer is 400, and the upload stays as it was.',
    ],
  ),
  ...section(
    'Limits',
    ['server', 'MAY', 'limits', 'Limits may be set, and are told by Upload-Limit.'],
    ['client', 'MUST', 'limit-malformed', 'Upload-Limit that is no dictionary is ignored.', { notOurs: WIRE }],
    [
      'client',
      'MUST NOT',
      'max-append-size',
      'No request has more content than `max-append-size`.',
      { notOurs: NO_APPEND_LIMIT },
    ],
    [
      'client',
      'MUST NOT',
      'min-append-size',
      'No request has less content than `min-append-size`.',
      { notOurs: NO_APPEND_LIMIT },
    ],
    ['client', 'SHOULD NOT', 'max-age', 'Nothing is asked of an upload after its `max-age`; what is asked is 410.'],
    [
      'server',
      'SHOULD NOT',
      'limits-steady',
      'Limits do not change so that a client that keeps those it was told first fails.',
    ],
    [
      'client',
      'SHOULD',
      'limits-stop',
      'A client that cannot keep them stops its request and cancels the upload.',
      { notOurs: WIRE },
    ],
    ['server', 'SHOULD NOT', 'limits-max', '`max-size` does not decrease.'],
    ['server', 'SHOULD NOT', 'limits-min', '`min-size` does not increase.'],
    ['server', 'SHOULD NOT', 'limits-age', 'The end that `max-age` stands for does not come nearer.'],
    ['client', 'MUST', 'limit-unknown', 'Keys that are not known are ignored.', { notOurs: WIRE }],
    [
      'client',
      'MUST',
      'limit-type',
      'A known key with another type of value makes the field, or the message, void.',
      { notOurs: WIRE },
    ],
    ['server', 'MUST', 'options-limit', 'OPTIONS, where uploads are created, is answered with Upload-Limit.'],
    [
      'server',
      'SHOULD',
      'options-star',
      'So is OPTIONS for `*`, where all resources have the same limits.',
      {
        on: 'node',
        decision: 'the server has one resource among others of its host, and does not answer for them: 404',
      },
    ],
    ['server', 'MUST', 'options-no-limit', 'Where there is no limit, the field is `min-size=0`.'],
    ['server', 'SHOULD NOT', 'options-looser', 'What OPTIONS tells is not looser than what the upload has.'],
    ['server', 'SHOULD', 'limit-violated', 'An answer that refuses a request for a limit tells all of them.'],
    ['client', 'SHOULD', 'limit-retry', 'After 413 the client tries a smaller size.', { notOurs: WIRE }],
  ),
]

const creation: Rule[] = [
  ...section(
    'Upload Creation: client',
    [
      'client',
      'SHOULD',
      'create-length',
      'The creation tells the length if it is known: a length past a limit is refused before any bytes.',
    ],
    ['client', 'SHOULD', 'create-limits', 'Limits that are told are kept; content past `max-size` is 413.'],
    [
      'client',
      'SHOULD',
      'create-limits-stop',
      'A client with more than `max-size` stops and cancels.',
      { notOurs: WIRE },
    ],
    [
      'client',
      'SHOULD',
      'create-disposition',
      'The name of a file is sent in Content-Disposition, of type `inline`: downloads have it.',
    ],
  ),
  ...section(
    'Upload Creation: server',
    ['server', 'SHOULD', 'create-104', 'As soon as there is an upload, 104 tells of it.', { on: 'node' }],
    ['server', 'MUST', 'create-104-location', 'That 104 has Location.', { on: 'node' }],
    ['server', 'MUST', 'create-104-limit', 'It has Upload-Limit, if there are limits.', { on: 'node' }],
    ['server', 'MUST', 'create-location', 'The answer to `?0` has Location.'],
    ['server', 'MUST', 'create-limit', 'It has Upload-Limit, if there are limits.'],
    ['server', 'SHOULD', 'create-201', 'It is 201.'],
    ['server', 'MUST', 'create-records', 'The length is recorded, if Upload-Length or `?1` tells it.'],
    ['server', 'MAY', 'create-progress', 'Further 104 tell the offset while the content comes.', { on: 'node' }],
    [
      'server',
      'MUST',
      'location-same',
      'All answers to one request have the same Location, except a final one with `?1` (here that, too).',
      { on: 'node' },
    ],
    ['client', 'SHOULD', 'location-verified', 'The client looks whether they have.', { notOurs: WIRE }],
    ['client', 'SHOULD', 'location-abort', 'If not, it aborts and cancels.', { notOurs: WIRE }],
    ['server', 'SHOULD', 'create-complete', 'The answer has Upload-Complete, failures as well.'],
    ['server', 'SHOULD NOT', 'create-redirect', 'It is not 301, 302 or 303 with `?0`.'],
    [
      'server',
      'SHOULD',
      'create-keeps',
      'Of a creation that is cut off, as much as possible is kept, and found by who was told of it by 104.',
      { on: 'node' },
    ],
    ['server', 'MUST NOT', 'create-cut', 'It does not complete the upload, whatever it said.', { on: 'node' }],
  ),
]

const retrieval: Rule[] = [
  ...section(
    'Offset Retrieval: client',
    [
      'client',
      'SHOULD',
      'head-preferred',
      'The offset is asked for by HEAD rather than by GET: GET of an unfinished upload is 409 here.',
    ],
    [
      'client',
      'MUST',
      'offset-impossible',
      'An upload whose bytes at the offset cannot be had any more has failed.',
      { notOurs: WIRE },
    ],
    ['client', 'MUST NOT', 'offset-impossible-continue', 'It is not continued.', { notOurs: WIRE }],
    ['client', 'SHOULD', 'offset-impossible-cancel', 'It is cancelled.', { notOurs: WIRE }],
    [
      'client',
      'MUST NOT',
      'head-during',
      'The offset is not asked for while a request writes: if it is, that request ends.',
    ],
    ['client', 'MAY', 'head-retry', 'After a failure it may be asked for again.', { notOurs: WIRE }],
  ),
  ...section(
    'Offset Retrieval: server',
    ['server', 'MUST', 'head-offset', 'HEAD that succeeds tells Upload-Offset.'],
    ['server', 'MUST', 'head-complete', 'It tells Upload-Complete.'],
    ['server', 'MUST', 'head-length', 'It tells Upload-Length, if the client has told the length.'],
    ['server', 'MUST', 'head-limit', 'It tells Upload-Limit.'],
    ['server', 'SHOULD', 'head-no-store', 'It says `Cache-Control: no-store`.'],
    ['server', 'MUST', 'get-told', 'GET that succeeds tells the same.'],
    [
      'server',
      'SHOULD',
      'get-no-store',
      'So may it not be stored.',
      {
        decision:
          'GET of a finished upload is a download here, whose content never changes: caches of one user may keep it, and ask before they use it',
      },
    ],
    ['server', 'SHOULD NOT', 'head-redirect', 'The answer is not 301, 302 or 303.'],
  ),
]

const append: Rule[] = [
  ...section(
    'Upload Append: client',
    ['client', 'MUST', 'append-offset-sent', 'Upload-Offset is there; without it, the answer is 400.'],
    ['client', 'SHOULD', 'append-offset-recent', 'It is what an answer has just told; an older one is 409.'],
    [
      'client',
      'MUST',
      'append-complete-sent',
      'Upload-Complete is there; without it, the answer is 400.',
      { versions: [7, 8, 9] },
    ],
  ),
  ...section(
    'Upload Append: server',
    [
      'server',
      'SHOULD',
      'append-keeps',
      'Of an append that is cut off, as much as possible is kept, from its beginning and without a gap.',
    ],
    ['server', 'MUST NOT', 'append-cut', 'It does not complete the upload, whatever it said.'],
    ['server', 'MUST', 'append-409', 'Another offset than the present one is answered 409 with `Upload-Complete: ?0`.'],
    ['server', 'MUST', 'append-409-offset', 'That has the right offset in Upload-Offset.'],
    [
      'server',
      'SHOULD',
      'append-final',
      'What completes the upload is answered as a creation with all of the content would have been.',
    ],
    ['server', 'MUST', 'append-final-complete', 'That answer has `Upload-Complete: ?1`, also if it is a failure.'],
    ['server', 'MUST', 'append-records', 'The length is recorded, if Upload-Length or `?1` tells it.'],
    [
      'server',
      'MUST',
      'append-exceeds',
      'More bytes than the length are refused, and the upload is void from then on, also if Content-Length says nothing.',
      { versions: [8, 9] },
    ],
    ['server', 'SHOULD', 'append-104', '104 tells the offset while the content comes.', { on: 'node' }],
    ['server', 'MUST NOT', 'append-104-location', 'That 104 has no Location.', { on: 'node' }],
    ['server', 'SHOULD', 'append-complete', 'The answer has Upload-Complete, failures as well.'],
    ['server', 'SHOULD NOT', 'append-redirect', 'It is not 301, 302 or 303 with `?0`.'],
  ),
]

const rest: Rule[] = [
  ...section(
    'Upload Cancellation',
    ['server', 'SHOULD', 'cancel', 'DELETE ends the upload.'],
    ['server', 'SHOULD', 'cancel-terminates', 'Requests that write it are ended before that is answered.'],
    ['server', 'SHOULD NOT', 'cancel-redirect', 'The answer is not 301, 302 or 303.'],
  ),
  ...section(
    'Concurrency',
    [
      'client',
      'MUST NOT',
      'parallel',
      'One upload is not written by several requests at a time: if it is, one of them counts, and no byte of the others is mixed in.',
    ],
    ['server', 'MUST', 'races', 'Appends and cancellations at the same time neither lose nor mix bytes.'],
    ['server', 'MUST NOT', 'outdated', 'No offset is told that is not true any more.'],
    [
      'server',
      'MUST',
      'offset-accepted',
      'An append at the offset that was told is taken, if nothing else came in between.',
    ],
    ['server', 'SHOULD', 'terminates', 'A new request ends the one that writes, and is then served.'],
    [
      'server',
      'MAY',
      'terminates-abruptly',
      'That may be done by breaking its connection.',
      {
        decision: 'it is told why: 409, and its connection is closed after that',
      },
    ],
  ),
  ...section(
    'Retry',
    ['client', 'SHOULD', 'retry-409', 'After 409 without an offset, the offset is asked for.', { notOurs: WIRE }],
    ['client', 'MAY', 'retry-lost', 'Without any answer, too.', { notOurs: WIRE }],
    ['client', 'SHOULD', 'retry-limit', 'There is a limit to it.', { notOurs: WIRE }],
  ),
  ...section(
    'Status Code 104',
    ['client', 'MAY', '104-as-100', 'A client that waits for 100 may take 104 for it.', { notOurs: WIRE }],
    ['server', 'MUST NOT', '100-omitted', '100 is not left out because 104 was sent.', { on: 'node' }],
  ),
  ...section('Problem Types', [
    'server',
    'SHOULD',
    '409-members',
    'The problem of a wrong offset has both, the expected and the provided one.',
  ]),
  ...section(
    'Upload Strategies',
    [
      'client',
      'SHOULD',
      'upgrade-length',
      'A creation that might have been an ordinary request tells Upload-Length beside `?1`.',
    ],
    ['client', 'SHOULD', 'incremental', 'Content is sent as it comes, with little buffering.', { notOurs: WIRE }],
  ),
  ...section(
    'Security Considerations',
    ['server', 'SHOULD', 'authorized', 'Only who may is let to the upload.', { decision: NO_AUTHORIZATION }],
    ['server', 'SHOULD', 'unguessable', 'URIs are hard to guess.'],
    ['server', 'MUST', 'uri-leaks', 'They tell nothing of the inside: no bucket, no folder, no node.'],
    ['server', 'MUST', 'metadata', 'Metadata are validated or sanitized.'],
    ['server', 'SHOULD', 'scanning', 'Who scans content does so with all of it.', { moot: 'nothing is scanned here' }],
    [
      'server',
      'SHOULD',
      'toctou',
      'Whether the user still may is looked up before the upload is finished.',
      { decision: NO_AUTHORIZATION },
    ],
    [
      'server',
      'SHOULD',
      'slowloris',
      'Clients that send next to nothing for ever are dealt with: a body that stands still ends.',
    ],
  ),
  ...section(
    'Draft Version Identification',
    [
      'client',
      'MUST',
      'interop-sent',
      'Each request names the version; without it, there is no 104, and the rules are the newest ones.',
    ],
    ['server', 'MUST NOT', '104-interop', 'No 104 is sent if the version is missing or not spoken.', { on: 'node' }],
    ['server', 'MUST', '104-echo', 'Each 104 names the version.', { on: 'node' }],
    ['client', 'MUST', '104-ignored', 'A 104 of another version is ignored.', { notOurs: WIRE }],
  ),
]

const V3_6 = { versions: [3, 4, 5, 6] }

const older: Rule[] = [
  ...section(
    'Older: creation',
    ['server', 'MAY', 'old-methods', 'Only some methods may create uploads; here POST alone.', V3_6],
    ['client', 'MUST NOT', 'old-create-offset', 'A creation has no Upload-Offset; one that is there is ignored.', V3_6],
    ['server', 'MUST', 'old-create-location', 'The answer to a creation has Location.', V3_6],
    ['server', 'MUST', 'old-104-first', 'The first 104 has Location.', { versions: [3, 4, 5, 6, 7], on: 'node' }],
    ['server', 'MUST NOT', 'old-104-later', 'Later ones have none.', { versions: [5, 6, 7, 8], on: 'node' }],
    ['server', 'MAY', 'old-metadata', 'Content-Type and Content-Disposition may be interpreted.', V3_6],
    ['server', 'SHOULD', 'old-metadata-of-append', 'Those of the creation count, and those of an append do not.', V3_6],
    [
      'server',
      'MUST',
      'old-create-records',
      'The length of a creation that is all of the upload is recorded.',
      { versions: [4, 5, 6] },
    ],
  ),
  ...section(
    'Older: answers',
    ['server', 'MUST', 'old-offset-success', 'A success has Upload-Offset.', V3_6],
    [
      'server',
      'MUST',
      'old-offset-failure',
      'So has a failure, as long as the upload is active: 409 and whatever is found wrong with the upload itself.',
      V3_6,
    ],
    [
      'server',
      'MUST',
      'old-offset-failure-early',
      'So has a failure of a request that is malformed.',
      {
        ...V3_6,
        decision: 'a request that cannot be read is refused before the upload is looked for, so no offset is known',
      },
    ],
    ['server', 'MUST', 'old-offset-value', 'Its value is where the upload stands then.', V3_6],
    ['server', 'MUST', 'old-complete-2xx', 'A success that completes the upload is 2xx.', V3_6],
    ['server', 'SHOULD', 'old-complete-201', 'It is 201.', V3_6],
    ['server', 'MUST NOT', 'old-complete-contradicted', 'It does not say that the upload is incomplete.', V3_6],
    ['server', 'MUST', 'old-partial-201', 'A success that does not complete it is 201 and says so.', V3_6],
    [
      'server',
      'MUST',
      'old-false',
      'Each answer to a request that did not complete the upload has `Upload-Complete: ?0`.',
      { versions: [7, 8] },
    ],
    [
      'server',
      'MAY',
      'old-content-location',
      'Content-Location may tell where results are.',
      {
        versions: [6, 7, 8],
        decision: 'the content is found at the URL of the upload itself',
      },
    ],
  ),
  ...section(
    'Older: offset retrieval',
    [
      'client',
      'MUST NOT',
      'old-head-fields',
      'HEAD has neither Upload-Offset nor completeness nor length.',
      {
        ...V3_6,
        notOurs: 'see the next row',
      },
    ],
    [
      'server',
      'MUST',
      'old-head-400',
      'HEAD that has one of them is 400.',
      {
        ...V3_6,
        decision:
          'newer versions have dropped this, and Apple’s clients send the fields of the creation again: it is answered',
      },
    ],
    ['server', 'MUST', 'old-head-204', 'HEAD that succeeds is 204.', { versions: [3, 4] }],
    ['server', 'MUST', 'old-head-2xx', 'It is 204 or 200.', { versions: [5, 6] }],
    [
      'server',
      'MUST',
      'old-head-iff',
      'Completeness is told, and true if and only if a creation or an append that said so was received whole (in version 3: or that said nothing).',
      {
        versions: [3, 4],
      },
    ],
    ['server', 'MUST', 'old-head-404', 'HEAD of what is not there, or not any more, is 404.', V3_6],
    [
      'server',
      'MUST',
      'old-ended-404',
      'So is what has expired or failed.',
      {
        ...V3_6,
        decision: 'as long as that is known, it is 410 with the reason; newer versions leave the status open',
      },
    ],
    [
      'server',
      'MUST NOT',
      'old-redirect',
      'HEAD and DELETE are not answered 301 or 302.',
      { versions: [3, 4, 5, 6, 7] },
    ],
    [
      'client',
      'MUST NOT',
      'old-two-appends',
      'One offset that was told is used for one append; the second is 409.',
      V3_6,
    ],
  ),
  ...section(
    'Older: append',
    [
      'client',
      'MUST',
      'old-append-type',
      'PATCH is of type application/partial-upload; another type is 415, with Accept-Patch.',
      { versions: [6] },
    ],
    [
      'client',
      'MUST',
      'old-append-false',
      'An append that is not the last says so: in version 3 by Upload-Incomplete, whose absence means the last.',
      { versions: [3] },
    ],
    ['server', 'MUST', 'old-append-404', 'PATCH of it is 404.', V3_6],
    [
      'server',
      'MUST',
      'old-length-400',
      'A length that contradicts the one that is known is 400.',
      { versions: [4, 5, 6] },
    ],
    [
      'client',
      'MUST',
      'old-completed-said',
      'That the upload is complete is said by Upload-Complete, and does not follow from its length.',
      {
        versions: [6],
        decision:
          'clients of this version (tus-js-client) declare the length and never say that they are done: all bytes of a declared length complete it, as they did with tusd',
      },
    ],
    [
      'server',
      'MUST',
      'old-exceeds',
      'Nothing is stored past the length; the answer is a failure.',
      { versions: [6, 7] },
    ],
    [
      'server',
      'MUST NOT',
      'old-completed-changed',
      'An append to a complete upload changes nothing.',
      { versions: [6, 7, 8] },
    ],
    ['server', 'MUST', 'old-completed-400', 'It is refused, in version 6 with 400.', { versions: [6, 7, 8] }],
    [
      'server',
      'MUST NOT',
      'old-min-append',
      'An append with `?1` is not refused for being small.',
      { versions: [6], moot: NO_APPEND_LIMIT },
    ],
  ),
  ...section(
    'Older: cancellation',
    ['server', 'MUST', 'old-cancel-204', 'DELETE that succeeds is 204.', { versions: [3, 4, 5, 6, 7] }],
    [
      'server',
      'MUST',
      'old-cancel-400',
      'DELETE with Upload-Offset or completeness is 400.',
      {
        ...V3_6,
        decision:
          'newer versions have dropped this, and Apple’s clients send the fields of the creation again: it is answered',
      },
    ],
    ['server', 'MUST', 'old-cancel-404', 'DELETE of it is 404.', V3_6],
    ['server', 'MUST', 'old-cancel-405', 'DELETE where it is not supported is 405.', V3_6],
  ),
  ...section(
    'Older: limits and keeping',
    [
      'server',
      'MUST NOT',
      'old-limits-change',
      'Limits do not change during the life of an upload, except its age.',
      { versions: [6, 7] },
    ],
    [
      'server',
      'MUST',
      'old-accept-patch',
      'OPTIONS is answered with Accept-Patch, which has application/partial-upload in full.',
      { versions: [8] },
    ],
    ['server', 'SHOULD', 'old-kept', 'A complete upload can still be asked for.', { versions: [8] }],
  ),
  ...section(
    'Older: digests',
    ['client', 'MAY', 'old-repr-digest', 'Repr-Digest may come with the creation.', { versions: [6, 7, 8] }],
    [
      'server',
      'SHOULD',
      'old-repr-digest-differs',
      'Content that differs from it makes the upload fail.',
      { versions: [6, 7, 8] },
    ],
    ['client', 'MAY', 'old-want', 'Want-Repr-Digest may ask for digests.', { versions: [6, 7, 8] }],
    [
      'server',
      'SHOULD',
      'old-want-answered',
      'One of the digests that are wanted is in the answer.',
      {
        versions: [6, 7, 8],
        decision:
          'a digest that the client did not send would cost reading the whole object once more; CRC32, which is known of each upload, is told',
      },
    ],
    [
      'client',
      'MAY',
      'old-content-digest',
      'Content-Digest may come with the content of a request.',
      { versions: [6, 7, 8] },
    ],
    [
      'server',
      'SHOULD',
      'old-content-digest-differs',
      'Content that differs from it is not appended.',
      { versions: [6, 7, 8] },
    ],
  ),
]

export const RUFH: Specification = {
  name: 'rufh',
  title: 'Resumable Uploads for HTTP',
  text:
    'draft-ietf-httpbis-resumable-upload: the text of July 2026 (revision -12 and two changes after it, interop version 9), and for ' +
    'what older versions demand beyond it, revisions -01 (interop 3), -02 (4), -03 (5), -05 (6), -08 (7), -09 and -11 (8)',
  rules: [...resource, ...creation, ...retrieval, ...append, ...rest, ...older],
}
