/**
 * Hooks by gRPC: each event is a call of InvokeHook of hook.proto, which is tusd's on the wire. Needs the package
 * `@grpc/grpc-js`.
 * @module
 */
import type { Client, ClientUnaryCall, ServiceError } from '@grpc/grpc-js'
import { UploadError } from '../errors.js'
import { attempts, mustBeBounded, Retryable } from './attempts.js'
import { forwarded } from './forward.js'
import type { HookMessage, HookReply } from './message.js'
import { encodeMessage, METHOD, REPLY } from './proto.js'
import { type HookCall, type HookEventOptions, hooksOver, type RemoteHooks } from './remote.js'
import { readReply } from './tusd.js'
import { decode } from './wire.js'

export interface GrpcHooksOptions extends HookEventOptions {
  /** Where the service is: 'host:port', or another name that gRPC resolves, such as 'unix:/run/hooks.sock'. */
  readonly endpoint: string
  /** How often it is tried in all: after UNAVAILABLE and RESOURCE_EXHAUSTED. Default: 3. */
  readonly retry?: number | undefined
  /** Milliseconds between two tries. Default: 1,000. */
  readonly backoff?: number | undefined
  /** Milliseconds for all tries of one event; told to the service as the deadline. Default: 15,000. */
  readonly timeout?: number | undefined
  /** TLS. Default: false. */
  readonly secure?: boolean | undefined
  /** Whom to trust, as PEM: the service's own certificate, or of who signed it. Default: as Node.js does. */
  readonly serverCertificate?: string | Buffer | undefined
  /** What we show, as PEM, where the service wants to know who asks. With `clientKey`. */
  readonly clientCertificate?: string | Buffer | undefined
  /** The private key of `clientCertificate`, as PEM. */
  readonly clientKey?: string | Buffer | undefined
  /** Fields of the client's request that are sent along as metadata. Default: none. */
  readonly forwardHeaders?: readonly string[] | undefined
}

type Grpc = typeof import('@grpc/grpc-js')

/** @throws UploadError ERR_INVALID_OPTIONS */
export function grpcHooks(options: GrpcHooksOptions): RemoteHooks {
  const { retry = 3, backoff = 1_000, timeout = 15_000 } = options
  mustBeBounded('retry', retry, 1)
  mustBeBounded('backoff', backoff, 0)
  mustBeBounded('timeout', timeout, 1)
  mustFit(options)
  const forward = forwarded(options.forwardHeaders ?? [])
  let opened: Promise<{ grpc: Grpc; client: Client }> | undefined
  const open = () => {
    opened ??= load().then((grpc) => ({ grpc, client: connect(grpc, options) }))
    return opened
  }
  const transport = async ({ message, request, wantsReply, signal }: HookCall): Promise<HookReply> => {
    const { grpc, client } = await open()
    const metadata = metadataOf(grpc, forward(request))
    const deadline = Date.now() + timeout
    const reply = await attempts({ retry, backoff, timeout }, signal, (limit) =>
      invoke(grpc, client, { message, metadata, deadline, signal: limit }),
    )
    return wantsReply ? readReply(reply) : {}
  }
  return {
    ...hooksOver(transport, options),
    ready: async () => void (await open()),
    close: async () => void (await opened?.then(({ client }) => client.close()).catch(() => undefined)),
  }
}

function mustFit({ endpoint, secure, serverCertificate, clientCertificate, clientKey }: GrpcHooksOptions): void {
  const must = (holds: boolean, message: string): void => {
    if (!holds) throw new UploadError('ERR_INVALID_OPTIONS', { message })
  }
  must(endpoint !== '' && !/^https?:\/\//.test(endpoint), 'endpoint: must be host:port, without a scheme.')
  must(
    (clientCertificate === undefined) === (clientKey === undefined),
    'clientCertificate: it and clientKey need each other.',
  )
  const hasCertificate = (serverCertificate ?? clientCertificate) !== undefined
  must(secure === true || !hasCertificate, 'secure: certificates are of no use without it.')
}

/** @throws UploadError ERR_INVALID_OPTIONS */
async function load(): Promise<Grpc> {
  const loaded = await import('@grpc/grpc-js').catch((cause) => {
    const message = 'hooks: gRPC needs the package @grpc/grpc-js; install it: npm install @grpc/grpc-js'
    throw new UploadError('ERR_INVALID_OPTIONS', { message, cause })
  })
  return loaded
}

function connect({ Client, credentials }: Grpc, options: GrpcHooksOptions): Client {
  const { endpoint, secure, serverCertificate, clientCertificate, clientKey } = options
  const bytes = (pem: string | Buffer | undefined): Buffer | null => (pem === undefined ? null : Buffer.from(pem))
  const how = secure
    ? credentials.createSsl(bytes(serverCertificate), bytes(clientKey), bytes(clientCertificate))
    : credentials.createInsecure()
  return new Client(endpoint, how)
}

function metadataOf({ Metadata }: Grpc, fields: Record<string, string>) {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value)
  return metadata
}

interface Invocation {
  message: HookMessage
  metadata: ReturnType<typeof metadataOf>
  deadline: number
  signal: AbortSignal
}

function invoke({ status }: Grpc, client: Client, { message, metadata, deadline, signal }: Invocation) {
  return new Promise<Record<string, unknown>>((resolve, reject) => {
    let call: ClientUnaryCall | undefined
    const cancel = (): void => call?.cancel()
    const done = (error: ServiceError | null, reply?: Record<string, unknown>): void => {
      signal.removeEventListener('abort', cancel)
      if (!error) {
        resolve(reply ?? {})
        return
      }
      // Its details are the service's words, which may quote what it was sent.
      const isLate = error.code === status.DEADLINE_EXCEEDED
      const told = isLate ? 'no answer in time' : `the service answered ${status[error.code] ?? error.code}`
      const mayRetry = error.code === status.UNAVAILABLE || error.code === status.RESOURCE_EXHAUSTED
      reject(mayRetry ? new Retryable(told) : new Error(told))
    }
    signal.addEventListener('abort', cancel)
    const read = (bytes: Buffer): Record<string, unknown> => decode(REPLY, bytes)
    call = client.makeUnaryRequest(METHOD, encodeMessage, read, message, metadata, { deadline }, done)
  })
}
