// Receives hooks by HTTP, in front of `holdfast serve --hooks-http http://127.0.0.1:8081/`. Any language will do as well.
import http from 'node:http'
import type { HookMessage, HookReply } from 'holdfast/hooks'
import { verifyWebhook } from 'holdfast/hooks/http'

const { PORT = '8081', SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' } = process.env

// An event may come twice. A database with a unique column does this for good.
const known = new Set<string>()

function answer({ Type, Event: { Upload }, DeliveryID }: HookMessage): HookReply {
  if (Type === 'pre-create' && !Upload.MetaData.filename) {
    return { RejectUpload: true, HTTPResponse: { StatusCode: 400, Body: 'A file needs a name.' } }
  }
  if (Type === 'pre-create') return { ChangeFileInfo: { MetaData: { ...Upload.MetaData, seen: 'yes' } } }
  if (known.has(DeliveryID)) return {}
  known.add(DeliveryID)
  console.log(`${Type} ${Upload.ID} ${Upload.Offset}`)
  return {}
}

const server = http.createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  let message: HookMessage
  try {
    message = verifyWebhook({ body: Buffer.concat(chunks), headers: request.headers, secrets: SECRET })
  } catch (error) {
    return response.writeHead(401).end(String(error))
  }
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer(message)))
})
server.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address) console.log(`listening on http://127.0.0.1:${address.port}/`)
})

process.once('SIGTERM', () => server.close().closeAllConnections())
