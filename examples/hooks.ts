// What an application has to say about uploads, as typed functions: who may, what becomes of an upload, and what comes after it.
import { createHash } from 'node:crypto'
import http from 'node:http'
import { createServer, type Hooks } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { nodeHandler } from 'holdfast/node'

const { UPLOADS = './uploads', PORT = '8080' } = process.env

// How you know your users is your business.
const users = new Map([
  ['Bearer 1234', 'alice'],
  ['Bearer 5678', 'bob'],
])

const refuse = (status: number, message: string): never => {
  throw Object.assign(new Error(message), { status })
}

const hooks: Hooks = {
  // Before everything. Bob will never see an upload of Alice's: to him it is 404.
  authorize({ request }) {
    const owner = users.get(request.headers.authorization ?? '') ?? refuse(401, 'Log in first.')
    return { owner, limits: { maxSize: 1024 ** 3 } }
  },

  // Before there is an upload: it can be refused or changed.
  onCreate({ upload }) {
    const { filename = '' } = upload.metadata
    if (!/\.(png|jpe?g)$/i.test(filename)) refuse(415, 'Only pictures, please.')
    return {
      metadata: { filename, owner: upload.owner ?? '' },
      // Where the store has a say in it: the name of the object, and what is stored with it.
      key: `pictures/${upload.owner}/${upload.id}`,
      object: { contentType: filename.endsWith('.png') ? 'image/png' : 'image/jpeg' },
    }
  },

  // The object is there, and nobody knows it yet. What is returned is told to the client, and again to whoever asks by HEAD.
  async onFinish({ upload, read }) {
    const hash = createHash('sha256')
    let first: Uint8Array | undefined
    for await (const chunk of await read()) {
      first ??= chunk
      hash.update(chunk)
    }
    if (first?.[0] !== 0x89 && first?.[0] !== 0xff) refuse(422, 'This is no picture.')
    return { headers: { 'X-Picture': `/pictures/${upload.id}`, 'X-SHA-256': hash.digest('hex') } }
  },

  // At least once, also if this process ends before: `deliveryId` tells repetitions.
  onFinished({ upload, deliveryId }) {
    console.log(`finished ${upload.id} of ${upload.owner} (${deliveryId})`)
  },
}

const holdfast = createServer({ store: new DiskStore({ directory: UPLOADS }), hooks })
const server = http.createServer(nodeHandler(holdfast))
server.requestTimeout = 0
server.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address) console.log(`listening on http://127.0.0.1:${address.port}/files/`)
})

process.once('SIGTERM', async () => {
  await holdfast.close()
  server.close()
  server.closeAllConnections()
})
