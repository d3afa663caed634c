/**
 * Events as a server gives them to hooks.
 * @module
 */
import type { NewUpload, UploadInfo } from '../../src/store/info.js'
import type { CreateEvent, DeliveredEvent, FinishEvent, HookRequest, UploadEvent } from '../../src/upload/hooks.js'

export const REQUEST: HookRequest = {
  method: 'PATCH',
  target: '/files/a1?x=1',
  headers: { host: 'uploads.example', authorization: 'Bearer hunter2', cookie: 'a=b', 'x-trace-id': '7' },
  remoteAddress: '192.0.2.7',
}

export const newUpload = (more: Partial<NewUpload> = {}): NewUpload => ({
  id: 'a1',
  length: 10,
  metadata: { filename: 'a.txt' },
  metadataField: 'filename YS50eHQ=',
  ...more,
})

export const uploadInfo = (more: Partial<UploadInfo> = {}): UploadInfo => ({
  ...newUpload(),
  offset: 10,
  state: 'complete',
  failure: undefined,
  createdAt: 1,
  completedAt: 2,
  etag: '"e"',
  storage: { Type: 's3store', Bucket: 'media', Key: 'in/a1' },
  ...more,
})

export const createEvent = (more: Partial<NewUpload> = {}): CreateEvent => ({
  request: { ...REQUEST, method: 'POST', target: '/files/' },
  upload: newUpload(more),
})

export const uploadEvent = (more: Partial<UploadEvent> = {}): UploadEvent => ({
  upload: uploadInfo(),
  request: REQUEST,
  ...more,
})

export const deliveredEvent = (more: Partial<DeliveredEvent> = {}): DeliveredEvent => ({
  ...uploadEvent(),
  deliveryId: 'delivery-1',
  ...more,
})

export const finishEvent = (): FinishEvent => ({
  ...uploadEvent(),
  read: () => Promise.reject(new Error('not read here')),
})

export const context = (): { signal: AbortSignal } => ({ signal: new AbortController().signal })
