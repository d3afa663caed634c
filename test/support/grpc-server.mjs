// A service for hooks of hook.proto, as a process: each call is told to the parent, whose answer is the reply, a status, or nothing.
import { fileURLToPath } from 'node:url'
import grpc from '@grpc/grpc-js'
import loader from '@grpc/proto-loader'

const {
  port = 0,
  tls,
  proto = fileURLToPath(new URL('../../src/hooks/hook.proto', import.meta.url)),
} = JSON.parse(process.argv[2])
const definition = loader.loadSync(proto, { keepCase: true, longs: Number, defaults: true })
const { HookHandler } = grpc.loadPackageDefinition(definition).proto

const waiting = new Map()
let calls = 0
process.on('message', ({ call, reply, code, details }) => {
  const answer = waiting.get(call)
  waiting.delete(call)
  if (code !== undefined) answer?.({ code, details })
  else answer?.(null, reply)
})
process.on('disconnect', () => process.exit())

const server = new grpc.Server()
server.addService(HookHandler.service, {
  InvokeHook(call, answer) {
    const id = ++calls
    waiting.set(id, answer)
    call.on('cancelled', () => process.send({ call: id, cancelled: true }))
    const left = call.getDeadline() - Date.now()
    process.send({ call: id, request: call.request, metadata: call.metadata.getMap(), left })
  },
})
const credentials = tls
  ? grpc.ServerCredentials.createSsl(
      tls.clients ? Buffer.from(tls.clients) : null,
      [{ private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }],
      tls.clients !== undefined,
    )
  : grpc.ServerCredentials.createInsecure()
server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => {
  if (error) throw error
  process.send({ port: bound })
})
