import { subscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:http'
import { createServer } from 'holdfast'
import { DiskStore } from 'holdfast/disk'

export const holdfast = createServer({
  store: new DiskStore({ directory: process.env.UPLOADS ?? './data/uploads' }),
  basePath: '/api/files',
  // Behind a proxy that sets X-Forwarded-Proto and X-Forwarded-Host.
  trustProxy: process.env.TRUST_PROXY === '1',
})

// What came of each upload is stored and committed; clients go on from there.
process.once('SIGTERM', () => void holdfast.close())

// A PATCH lasts as long as its client sends; Node's server would end it with 408 after five minutes. Holdfast itself
// watches for bodies that stand still.
subscribe('http.server.request.start', (message) => {
  ;(message as { server: Server }).server.requestTimeout = 0
})
