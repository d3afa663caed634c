// The floor: what it costs Node to take a body in and send it on, with nothing else done. One PutObject for each upload.
import http from 'node:http'
import https from 'node:https'

const { endpoint, bucket } = JSON.parse(process.argv[2])
const { request: send, Agent } = endpoint.startsWith('https:') ? https : http
const agent = new Agent({ keepAlive: true })
let serial = 0

const server = http.createServer((request, response) => {
  if (request.method !== 'PATCH') {
    response.writeHead(201, { Location: `/files/${++serial}`, 'Content-Length': 0 })
    response.end()
    return
  }
  const headers = { 'Content-Length': request.headers['content-length'] }
  // A later chunk of an upload is an object of its own, so that what came can be counted.
  const path = `/${bucket}${request.url}/${request.headers['upload-offset']}`
  const onward = send(`${endpoint}${path}`, { method: 'PUT', agent, headers }, (answer) => {
    answer.resume().on('end', () => {
      response.writeHead(204)
      response.end()
    })
  })
  onward.on('error', () => response.destroy())
  request.pipe(onward)
})
server.requestTimeout = 0
server.listen(0, '127.0.0.1', () => process.send(server.address().port))
process.once('disconnect', () => process.exit())
process.once('SIGTERM', () => process.exit())
