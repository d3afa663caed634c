import { subscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:http'
import { holdfast } from './lib/holdfast'

// What came of each upload is stored and committed; clients go on from there.
process.once('SIGTERM', () => void holdfast.close())

// A PATCH lasts as long as its client sends; Node's server would end it with 408 after five minutes. Holdfast itself
// watches for bodies that stand still.
subscribe('http.server.request.start', (message) => {
  ;(message as { server: Server }).server.requestTimeout = 0
})
