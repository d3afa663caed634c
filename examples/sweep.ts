// Uploads into a folder that expire a day after their last bytes, swept by a schedule of your own.
import http from 'node:http'
import { createServer } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { nodeHandler } from 'holdfast/node'

const { UPLOADS = './uploads', PORT = '8080', EXPIRES_AFTER = '86400000', SWEEP_EVERY = '600000' } = process.env

const holdfast = createServer({
  store: new DiskStore({ directory: UPLOADS }),
  expiresAfter: Number(EXPIRES_AFTER),
  // Without this, the server sweeps each hour by itself.
  sweepInterval: 0,
})

// What goes wrong with single uploads is counted, and tried again by the next sweep.
const schedule = setInterval(async () => {
  const { expired, problems } = await holdfast.sweep()
  if (expired + problems > 0) console.log(`${expired} uploads expired, ${problems} could not be swept`)
}, Number(SWEEP_EVERY))

const server = http.createServer(nodeHandler(holdfast))
server.requestTimeout = 0
server.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address) console.log(`listening on http://127.0.0.1:${address.port}/files/`)
})

process.once('SIGTERM', async () => {
  clearInterval(schedule)
  server.close()
  await holdfast.close()
  // Clients have that long to hear it.
  setTimeout(() => server.closeAllConnections(), 500).unref()
})
