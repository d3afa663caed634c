/**
 * The rows of options.ts that are about hooks of other processes.
 * @module
 */
import type { Rows } from './options.js'

export const hooks = {
  'hooks-enabled-events': {
    type: 'list',
    default: 'pre-create,post-create,post-receive,post-terminate,post-finish',
    help: 'Which hooks are asked and told (docs/hooks.md); there are pre-finish and pre-terminate, too. Empty: all.',
  },
  'hook-timeout': { type: 'duration', default: '30s', min: 1, help: 'How long one call of a hook may take in all.' },
  'progress-hooks-interval': {
    type: 'duration',
    default: '1s',
    sets: 'progressInterval',
    help: 'How long it takes until post-receive is told of the same upload again.',
  },
  'hooks-payload-headers': {
    type: 'list',
    help: 'Header fields of clients that hooks are told. Default: all, Authorization and Cookie too; none for a stream.',
  },
  'hooks-dir': { type: 'string', help: 'A folder of programs named as the hooks are.' },
  'hooks-http': { type: 'string', secret: true, help: 'A URL that each hook is sent to by POST.' },
  'hooks-http-forward-headers': { type: 'list', help: 'Header fields of clients that are sent along.' },
  'hooks-http-retry': { type: 'integer', default: '3', min: 1, help: 'How often it is tried in all.' },
  'hooks-http-backoff': { type: 'duration', default: '1s', help: 'The time between two tries.' },
  'hooks-http-timeout': { type: 'duration', default: '15s', min: 1, help: 'The time for all tries of one hook.' },
  'hooks-http-size-limit': { type: 'size', default: '5KiB', min: 1, help: 'Bytes of an answer.' },
  'hooks-http-skip-verify': { type: 'boolean', default: 'false', help: 'Take any certificate.' },
  'hooks-http-secret': {
    type: 'list',
    secret: true,
    help: 'Signs what is sent (Standard Webhooks): whsec_ and Base64; several while they change. Rather set the variable.',
  },
  'hooks-grpc': { type: 'string', help: 'host:port of a gRPC service that is called for each hook.' },
  'hooks-grpc-forward-headers': { type: 'list', help: 'Header fields of clients that are sent along as metadata.' },
  'hooks-grpc-retry': { type: 'integer', default: '3', min: 1, help: 'How often it is tried in all.' },
  'hooks-grpc-backoff': { type: 'duration', default: '1s', help: 'The time between two tries.' },
  'hooks-grpc-timeout': { type: 'duration', default: '15s', min: 1, help: 'The time for all tries of one hook.' },
  'hooks-grpc-secure': { type: 'boolean', default: 'false', help: 'Speak TLS.' },
  'hooks-grpc-server-tls-certificate': {
    type: 'string',
    help: 'A file with the certificate of the service, or of who signed it, as PEM. Default: those that Node.js trusts.',
  },
  'hooks-grpc-client-tls-certificate': {
    type: 'string',
    help: 'A file with the certificate to show to the service, as PEM.',
  },
  'hooks-grpc-client-tls-key': { type: 'string', help: 'The file with its private key, as PEM.' },
  'hooks-redis': {
    type: 'string',
    secret: true,
    help: 'URL of a Redis or Valkey into a stream of which events go. It may hold a password, so rather set the variable.',
  },
  'hooks-redis-stream': { type: 'string', default: 'holdfast:events', help: 'The key of the stream.' },
  'hooks-redis-max-length': {
    type: 'integer',
    default: '100000',
    help: 'About how many events it keeps, read or not; 0: all.',
  },
} as const satisfies Rows
