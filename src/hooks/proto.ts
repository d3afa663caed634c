/**
 * The messages of hook.proto, as tables. What tusd has, has its numbers; what is our own begins at 101, out of the way of
 * what tusd may add.
 * @module
 */
import type { HookMessage } from './message.js'
import { encode, type Table } from './wire.js'

export const METHOD = '/proto.HookHandler/InvokeHook'

const FILE_INFO: Table = {
  ID: [1, 'text'],
  Size: [2, 'int64'],
  SizeIsDeferred: [3, 'flag'],
  Offset: [4, 'int64'],
  MetaData: [5, 'map'],
  IsPartial: [6, 'flag'],
  IsFinal: [7, 'flag'],
  PartialUploads: [8, 'texts'],
  Storage: [9, 'map'],
}

const HTTP_REQUEST: Table = { Method: [1, 'text'], URI: [2, 'text'], RemoteAddr: [3, 'text'], Header: [4, 'map'] }

const REQUEST: Table = {
  Type: [1, 'text'],
  Event: [2, { Upload: [1, FILE_INFO], HTTPRequest: [2, HTTP_REQUEST] }],
  DeliveryID: [101, 'text'],
}

const OBJECT: Table = {
  ContentType: [1, 'text'],
  ContentDisposition: [2, 'text'],
  ContentEncoding: [3, 'text'],
  ContentLanguage: [4, 'text'],
  CacheControl: [5, 'text'],
  Metadata: [6, 'map'],
  Tags: [7, 'map'],
  StorageClass: [8, 'text'],
  ACL: [9, 'text'],
}

const CHANGES: Table = {
  ID: [1, 'text'],
  MetaData: [2, 'map'],
  Storage: [3, 'map'],
  Object: [101, OBJECT],
  ExpiresAfter: [102, 'int64'],
  MaxSize: [103, 'int64'],
}

export const REPLY: Table = {
  HTTPResponse: [1, { StatusCode: [1, 'int64'], Header: [2, 'map'], Body: [3, 'text'] }],
  RejectUpload: [2, 'flag'],
  StopUpload: [3, 'flag'],
  ChangeFileInfo: [4, CHANGES],
  RejectTermination: [101, 'flag'],
}

/** A header field has one text there: what was sent first. */
export function encodeMessage(message: HookMessage): Buffer {
  const { HTTPRequest } = message.Event
  const Header = Object.fromEntries(Object.entries(HTTPRequest.Header).map(([name, values]) => [name, values[0] ?? '']))
  const Event = { ...message.Event, HTTPRequest: { ...HTTPRequest, Header } }
  return encode(REQUEST, { ...message, Event })
}
