/**
 * The certificate of the command's server: read at its start, and again at SIGHUP, so that a renewed one needs no restart.
 * @module
 */
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import { createSecureContext } from 'node:tls'
import type { Logger } from '../server.js'
import { PlainError, UsageError } from './failure.js'

export interface TlsFiles {
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
  readonly h2c: boolean
}

export interface Tls {
  /** @throws PlainError if the files cannot be read, or do not belong together */
  read(): { cert: Buffer; key: Buffer }
  /** Connections under way keep the certificate that they began with. What cannot be read is logged, and changes nothing. */
  readAgain(server: Server, log: Logger): void
}

/** @returns undefined without TLS. @throws UsageError */
export function tlsOf({ tlsCert, tlsKey, h2c }: TlsFiles): Tls | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) throw new UsageError('--tls-cert and --tls-key need one another.')
  if (h2c) throw new UsageError('--h2c is HTTP/2 without TLS; with --tls-cert clients have HTTP/2 anyway.')
  const read = (): ReturnType<Tls['read']> => readPair(tlsCert, tlsKey)
  return {
    read,
    readAgain(server, log) {
      try {
        ;(server as TlsServer).setSecureContext(read())
        log.info({ file: tlsCert }, 'the certificate was read again')
      } catch (error) {
        log.error({ cause: (error as Error).message }, 'the certificate stays as it was')
      }
    },
  }
}

function readPair(certFile: string, keyFile: string): { cert: Buffer; key: Buffer } {
  try {
    const pair = { cert: readFileSync(certFile), key: readFileSync(keyFile) }
    createSecureContext(pair)
    return pair
  } catch (cause) {
    const reason = (cause as Error).message
    throw new PlainError(`The certificate ${certFile} with the key ${keyFile} cannot be used: ${reason}.`, { cause })
  }
}
