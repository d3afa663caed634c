import { subscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:http'
import { holdfast } from '../lib/holdfast'

export default (): void => {
  // What came of each upload is stored and committed; clients go on from there. Nitro's hook `close` comes too late: before
  // it, Nitro waits for the requests under way.
  process.once('SIGTERM', () => void holdfast.close())
  // A PATCH lasts as long as its client sends; Nitro's server would end it with 408 after five minutes. Holdfast itself
  // watches for bodies that stand still.
  subscribe('http.server.request.start', (message) => {
    ;(message as { server: Server }).server.requestTimeout = 0
  })
}
