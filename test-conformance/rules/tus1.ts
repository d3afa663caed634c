/**
 * tus 1.0.0, rule by rule, in the order of its text.
 * @module
 */
import { type Rule, type Specification, sections } from './rule.js'

const section = sections('tus')

const WIRE = 'nothing of it is seen on the wire'

const core: Rule[] = [
  ...section('Core Protocol', ['server', 'MUST', 'core', 'The core protocol is implemented: HEAD, PATCH and OPTIONS.']),
  ...section(
    'Upload-Offset',
    ['server', 'MUST', 'offset-told-integer', 'Offsets that are told are non-negative integers.'],
    [
      'client',
      'MUST',
      'offset-sent-integer',
      'Offsets that are sent are non-negative integers; others are answered 400 and change nothing.',
    ],
  ),
  ...section(
    'Upload-Length',
    ['server', 'MUST', 'length-told-integer', 'Lengths that are told are non-negative integers.'],
    [
      'client',
      'MUST',
      'length-sent-integer',
      'Lengths that are sent are non-negative integers; others are answered 400.',
    ],
  ),
  ...section(
    'Tus-Version',
    ['server', 'MUST', 'version-list', 'It is a comma-separated list of the versions that the server speaks.'],
    [
      'server',
      'MUST',
      'version-order',
      'The version that the server likes best is first.',
      { moot: 'one version is spoken, so there is no order' },
    ],
  ),
  ...section(
    'Tus-Resumable',
    [
      'server',
      'MUST',
      'resumable-told',
      'Every response but that to OPTIONS has it (here that, too), failures and downloads included.',
    ],
    [
      'client',
      'MUST',
      'resumable-sent',
      'Every request but OPTIONS has it. Without it, what changes something is 412; HEAD and GET, which change nothing, are answered.',
    ],
    ['server', 'MUST', 'resumable-value', 'Its value is the version that is spoken.'],
    ['server', 'MUST', 'version-412', 'A version that is not spoken is answered 412.'],
    ['server', 'MUST', 'version-412-list', 'That 412 has Tus-Version.'],
    ['server', 'MUST NOT', 'version-unprocessed', 'Nothing of a request of another version is processed.'],
  ),
  ...section(
    'Tus-Extension',
    ['server', 'MUST', 'extension-list', 'It is a comma-separated list of the extensions that are supported.'],
    ['server', 'MUST', 'extension-none', 'It is absent if there are none.', { moot: '`creation` is always offered' }],
  ),
  ...section(
    'Tus-Max-Size',
    ['server', 'MUST', 'max-size-integer', 'It is a non-negative integer, the bytes that an upload may have.'],
    ['server', 'SHOULD', 'max-size-told', 'It is told if there is a known limit.'],
  ),
  ...section(
    'X-HTTP-Method-Override',
    ['server', 'MUST', 'override', 'If it is there, it is the method of the request.'],
    ['server', 'MUST', 'override-ignores', 'The real method is then ignored, whichever it is.'],
    ['client', 'SHOULD', 'override-used', 'Clients that cannot send PATCH or DELETE send it: both can be had by POST.'],
  ),
  ...section(
    'HEAD',
    ['server', 'MUST', 'head-offset', 'Upload-Offset is always told, at 0 and of finished uploads, too.'],
    ['server', 'MUST', 'head-length', 'Upload-Length is told if it is known.'],
    ['server', 'SHOULD', 'head-missing', 'Without such an upload: 404, 410 or 403, and no Upload-Offset.'],
    ['server', 'SHOULD', 'head-status', 'A success is 200 or 204.'],
    ['server', 'MUST', 'head-no-store', 'The answer says `Cache-Control: no-store`.'],
  ),
  ...section(
    'PATCH',
    ['server', 'SHOULD', 'patch', 'Any upload takes PATCH, and its bytes go where Upload-Offset says.'],
    [
      'client',
      'MUST',
      'patch-type-sent',
      'The Content-Type is application/offset+octet-stream; the bytes of any other are not taken.',
    ],
    ['server', 'SHOULD', 'patch-type-415', 'Another Content-Type is answered 415.'],
    ['client', 'MUST', 'patch-offset-sent', 'Upload-Offset is where the upload stands; without it, the answer is 400.'],
    [
      'client',
      'MAY',
      'patch-parallel',
      'What is sent in parallel goes through Concatenation: partial uploads may be written at the same time.',
    ],
    ['server', 'MUST', 'patch-409', 'Another offset is answered 409, and the upload stays as it is.'],
    [
      'client',
      'SHOULD',
      'patch-rest',
      'All that is left is sent in one request.',
      { notOurs: 'how much a client sends at once is its own business' },
    ],
    ['client', 'MAY', 'patch-many', 'Many small requests will do, too.'],
    ['server', 'MUST', 'patch-204', 'A success is 204.'],
    ['server', 'MUST', 'patch-offset', 'It tells the new offset.'],
    ['server', 'MUST', 'patch-sum', 'The new offset is the old one and the bytes that were stored.'],
    ['server', 'SHOULD', 'patch-missing', 'Without such an upload: 404.'],
    [
      'server',
      'SHOULD',
      'patch-errors',
      'Errors of the network are noticed and dealt with in a predictable way: what arrived counts, and the upload can go on.',
    ],
    ['server', 'MAY', 'patch-timeout', 'A body of which nothing comes is given up after a time.'],
    ['server', 'SHOULD', 'patch-timeout-close', 'The connection is closed then.', { on: 'node' }],
    ['server', 'SHOULD', 'patch-keeps', 'As much as possible of what arrived is stored.'],
  ),
  ...section(
    'OPTIONS',
    ['client', 'MAY', 'options', 'OPTIONS asks how the server is configured.'],
    ['server', 'MUST', 'options-version', 'The answer, 204 or 200, has Tus-Version.'],
    ['server', 'MAY', 'options-more', 'It may have Tus-Extension and Tus-Max-Size, and has them here.'],
    [
      'client',
      'SHOULD NOT',
      'options-resumable-sent',
      'It is sent without Tus-Resumable; with it, the answer is the same.',
    ],
    [
      'server',
      'MUST',
      'options-resumable-ignored',
      'Tus-Resumable in an OPTIONS request is ignored, whatever it says.',
    ],
  ),
]

const creation: Rule[] = [
  ...section('Protocol Extensions', [
    'client',
    'SHOULD',
    'detection',
    'What is supported is found out by OPTIONS: Tus-Extension lists it.',
  ]),
  ...section(
    'Creation',
    ['server', 'SHOULD', 'creation', 'Creation is implemented.'],
    ['server', 'MUST', 'creation-listed', 'Then Tus-Extension has `creation`.'],
  ),
  ...section(
    'Upload-Defer-Length',
    ['server', 'MUST', 'defer-value', 'Where it is told, its value is 1.'],
    ['server', 'MUST', 'defer-omitted', 'It is not told once the length is known.'],
    ['client', 'MUST', 'defer-sent', 'It is sent as 1 and not with Upload-Length; with it, the answer is 400.'],
  ),
  ...section(
    'Upload-Metadata',
    ['server', 'MUST', 'metadata-told', 'What is told is one or more pairs of the same form.'],
    ['client', 'MUST', 'metadata-pairs', 'It is one or more pairs with commas between them; what is none is 400.'],
    [
      'client',
      'MUST',
      'metadata-space',
      'One space stands between key and value; with more of them the answer is 400.',
    ],
    ['client', 'MUST NOT', 'metadata-key', 'A key is not empty and has neither space nor comma; an empty one is 400.'],
    ['client', 'SHOULD', 'metadata-key-ascii', 'A key is ASCII; another one is 400.'],
    ['client', 'MUST', 'metadata-base64', 'The value is Base64; anything else is 400.'],
    ['client', 'MUST', 'metadata-unique', 'No key comes twice; if one does, the answer is 400.'],
    ['client', 'MAY', 'metadata-empty', 'A value may be empty.'],
    ['client', 'MAY', 'metadata-space-left-out', 'The space before an empty value may be left out.'],
    [
      'server',
      'SHOULD',
      'metadata-sanitized',
      'Values are validated or sanitized before they become header fields: no name or type ends one or adds one.',
    ],
  ),
  ...section(
    'POST',
    ['client', 'MUST', 'post', 'Uploads are created by POST to the known URL; another method there is 405.'],
    [
      'client',
      'MUST',
      'post-length',
      'Upload-Length or Upload-Defer-Length is there; with neither, the answer is 400.',
    ],
    [
      'server',
      'SHOULD',
      'defer-400',
      'Another value of Upload-Defer-Length than 1 is answered 400 ("should" in small letters there).',
    ],
    [
      'client',
      'MUST',
      'defer-declared',
      'A deferred length is declared by the next PATCH once it is known; until then the upload does not end.',
    ],
    ['client', 'MUST NOT', 'length-fixed', 'A length that was declared is not changed; a PATCH that tries is 400.'],
    ['server', 'MUST', 'defer-head', 'HEAD tells `Upload-Defer-Length: 1` as long as the length is not known.'],
    ['server', 'MUST', 'defer-listed', 'If lengths may be deferred, Tus-Extension has `creation-defer-length`.'],
    ['client', 'MAY', 'empty', 'A length of 0 is an empty file, which is complete with its creation.'],
    ['client', 'MAY', 'metadata-sent', 'Metadata may be sent with the creation.'],
    [
      'server',
      'MAY',
      'metadata-used',
      'Metadata may be used or refused: filename and filetype describe a download, too much is 431.',
    ],
    ['server', 'MUST', 'metadata-head', 'HEAD tells metadata as it was sent.'],
    ['server', 'MAY', 'max-size-known', 'The largest size is told in Tus-Max-Size.'],
    ['server', 'MUST', 'max-size-413', 'A longer upload is answered 413.'],
    ['server', 'MUST', 'post-201', 'A creation is answered 201.'],
    ['server', 'MUST', 'post-location', 'Location is the URL of the upload.'],
    [
      'server',
      'MAY',
      'post-location-form',
      'That URL may be absolute or relative; here it is absolute, and relative by an option.',
    ],
    ['client', 'MUST', 'post-then-core', 'The bytes are sent by the core protocol.'],
  ),
  ...section(
    'Creation With Upload',
    ['client', 'MAY', 'with-upload', 'The first bytes may come with the creation.'],
    ['server', 'MUST', 'with-upload-listed', 'If so, Tus-Extension has `creation-with-upload`.'],
    ['server', 'MUST NOT', 'with-upload-needs-creation', '`creation-with-upload` is not offered without `creation`.'],
    ['client', 'MAY', 'with-upload-part', 'All of the upload or the beginning of it may be sent so.'],
    [
      'client',
      'MUST',
      'with-upload-type',
      'The Content-Type is application/offset+octet-stream; a body of another type is not taken, and no offset is told.',
    ],
    ['server', 'SHOULD', 'with-upload-accepts', 'As many bytes as possible are taken.'],
    ['server', 'MUST', 'with-upload-offset', 'The answer has Upload-Offset.'],
    ['server', 'MUST', 'with-upload-offset-value', 'That is the offset after the bytes that were taken.'],
    ['client', 'SHOULD', 'with-upload-verified', 'Whether it is supported is asked first.', { notOurs: WIRE }],
    [
      'client',
      'SHOULD',
      'with-upload-expect',
      'With `Expect: 100-continue`, a creation that is refused is refused before its body is sent.',
      { on: 'node' },
    ],
  ),
]

const expiration: Rule[] = section(
  'Expiration',
  ['server', 'MAY', 'expire', 'Unfinished uploads may be removed once they are too old.'],
  ['server', 'MUST', 'expire-listed', 'If so, Tus-Extension has `expiration`.'],
  ['server', 'MAY', 'expire-stays', 'It is unfinished uploads that are removed: finished ones stay.'],
  ['client', 'SHOULD', 'expire-heeded', 'Upload-Expires is looked at before an upload is resumed: HEAD tells it.'],
  ['server', 'MUST', 'expire-patch', 'Each answer to a PATCH has Upload-Expires if the upload is going to expire.'],
  ['server', 'MUST', 'expire-post', 'So has the answer to the creation if it is known then.'],
  ['server', 'MAY', 'expire-changes', 'Its value may change: bytes that are stored put it off.'],
  ['server', 'SHOULD', 'expire-missing', 'An upload that was removed is answered 404 or 410.'],
  ['server', 'SHOULD', 'expire-410', 'It is 410 while the server knows that it expired.'],
  ['client', 'SHOULD', 'expire-anew', 'A client that is told so starts anew.', { notOurs: WIRE }],
  ['server', 'MUST', 'expire-date', 'Upload-Expires is an HTTP date.'],
)

const checksum: Rule[] = section(
  'Checksum',
  ['server', 'MAY', 'checksum', 'Checksums of requests are verified.'],
  ['server', 'MUST', 'checksum-listed', 'If so, Tus-Extension has `checksum`.'],
  ['client', 'MAY', 'checksum-sent', 'A PATCH may have Upload-Checksum; one without it is taken as well.'],
  ['server', 'MUST', 'checksum-verified', 'Once the body was received, it is held against the checksum.'],
  ['server', 'MAY', 'checksum-400', 'An algorithm that the server does not have is 400.'],
  ['server', 'MAY', 'checksum-460', 'A checksum that differs is 460.'],
  ['server', 'MAY', 'checksum-204', 'A checksum that is right, of bytes that were stored, is 204.'],
  ['server', 'MUST', 'checksum-discarded', 'What came with a 400 or a 460 is discarded.'],
  ['server', 'MUST NOT', 'checksum-unchanged', 'Neither the upload nor its offset changes then.'],
  ['server', 'MUST', 'checksum-sha1', 'sha1 is supported.'],
  ['server', 'MUST', 'checksum-names', 'Names of algorithms are ASCII without capitals.'],
  ['server', 'MUST', 'checksum-options', 'The answer to OPTIONS has Tus-Checksum-Algorithm.'],
  ['server', 'MUST', 'checksum-list', 'That is a comma-separated list of the algorithms.'],
  [
    'client',
    'MUST',
    'checksum-form',
    'Upload-Checksum is the name, a space and the Base64 digest; anything else is 400.',
  ],
  [
    'client',
    'MAY',
    'checksum-trailer',
    'The checksum may come as a trailer field, after the body, if it was not known before.',
    { on: 'node' },
  ],
  [
    'server',
    'MUST',
    'checksum-trailer-listed',
    'A server that can do that has `checksum-trailer` in Tus-Extension.',
    { on: 'node' },
  ],
)

const termination: Rule[] = section(
  'Termination',
  ['server', 'MUST', 'terminate-listed', 'Termination is in Tus-Extension as `termination`, where it is offered.'],
  ['server', 'SHOULD', 'terminate-frees', 'DELETE of an upload frees what it took, in each state.'],
  ['server', 'MUST', 'terminate-204', 'It is answered 204.'],
  ['server', 'SHOULD', 'terminate-gone', 'Everything that is asked of that URL later is 404 or 410.'],
)

const concatenation: Rule[] = [
  ...section(
    'Concatenation',
    ['server', 'MUST', 'concat-listed', 'Concatenation is in Tus-Extension as `concatenation`.'],
    [
      'server',
      'SHOULD NOT',
      'concat-partial-unprocessed',
      'Partial uploads are not processed before they are joined.',
      {
        moot: 'there is no processing of finished uploads yet: nothing happens to a partial upload but that it is stored',
      },
    ],
    ['server', 'MUST', 'concat-length', 'The length of the final upload is the sum of those of its partial ones.'],
    ['client', 'MUST', 'concat-final-sent', 'Upload-Concat is in the creation of a final upload.'],
    [
      'client',
      'MUST',
      'concat-final-form',
      'Its value is `final;` and URLs with spaces between; anything else is 400.',
    ],
    ['server', 'MUST', 'concat-order', 'Partial uploads are joined in the order of the list.'],
    [
      'client',
      'SHOULD',
      'concat-after',
      'A final upload is created after its partial ones are complete; then it is complete with its creation.',
    ],
    [
      'client',
      'MUST NOT',
      'concat-no-length',
      'The creation of a final upload has no Upload-Length; with it, the answer is 400.',
    ],
    ['client', 'MAY', 'concat-unfinished', 'A final upload may be created while its partial ones are still under way.'],
    [
      'server',
      'MUST',
      'concat-unfinished-listed',
      'A server that takes that has `concatenation-unfinished` in Tus-Extension.',
    ],
    [
      'server',
      'MUST NOT',
      'concat-metadata',
      'The metadata of partial uploads does not go to the final one (SHALL NOT there).',
    ],
    ['client', 'SHOULD', 'concat-metadata-sent', 'The metadata of the final upload is sent with its creation.'],
    ['server', 'MAY', 'concat-deletes', 'Partial uploads may be removed once they are joined: by an option.'],
    ['client', 'MAY', 'concat-again', 'A partial upload may be used several times.'],
    ['client', 'MAY', 'concat-twice', 'It may be in one list twice.'],
    ['client', 'MAY', 'concat-several', 'It may be in the lists of several final uploads.'],
    ['server', 'MUST', 'concat-patch-403', 'PATCH of a final upload is 403.'],
    ['server', 'MUST NOT', 'concat-patch-unchanged', 'Neither it nor its partial uploads change by that.'],
    [
      'server',
      'SHOULD NOT',
      'concat-head-no-offset',
      'HEAD of a final upload tells no Upload-Offset before it is joined.',
    ],
    ['server', 'MUST', 'concat-head-equal', 'After that, Upload-Offset and Upload-Length are told and equal.'],
    ['server', 'MUST', 'concat-head-partial', 'HEAD of a partial upload tells Upload-Offset.'],
    [
      'server',
      'MUST',
      'concat-head-length',
      'Upload-Length is told as soon as the length of the final upload can be calculated.',
    ],
    [
      'server',
      'MUST',
      'concat-head-field',
      'HEAD of partial and final uploads tells Upload-Concat as it was received.',
    ],
  ),
  ...section(
    'Upload-Concat',
    [
      'client',
      'MUST',
      'concat-partial-sent',
      'Upload-Concat is in the creation of each partial upload: what was created without it cannot be joined (400).',
    ],
    ['client', 'MUST', 'concat-partial-form', 'Its value there is `partial`; anything else is 400.'],
    ['client', 'MAY', 'concat-urls', 'URLs of partial uploads may be absolute or relative.'],
    [
      'client',
      'MUST NOT',
      'concat-urls-spaces',
      'They have no spaces: a space ends one, so what follows it is another URL (400 if it is none of an upload).',
    ],
  ),
]

export const TUS1: Specification = {
  name: 'tus1',
  title: 'tus 1.0.0',
  text: 'tus resumable upload protocol, version 1.0.0 of 2016-03-25 (https://tus.io/protocols/resumable-upload)',
  rules: [...core, ...creation, ...expiration, ...checksum, ...termination, ...concatenation],
}
