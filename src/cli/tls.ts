/**
 * The certificate of the command's server: read at its start, and again at SIGHUP, so that a renewed one needs no restart.
 * @module
 */
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { Logger } from '../server.js'
import { PlainError, UsageError } from './failure.js'

export interface TlsFiles {
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
  readonly h2c: boolean
  readonly tlsMode: keyof typeof MODES
}

/** Those of TLS 1.2 with forward secrecy and authenticated encryption: what HTTP/2 allows (RFC 9113, 9.2.2). */
const AEAD = ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305']
const STRONG = ['AES256-GCM-SHA384']
const TLS_1_3 = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256']

const suites = (ciphers: readonly string[]): string[] =>
  ciphers.flatMap((cipher) => [`ECDHE-ECDSA-${cipher}`, `ECDHE-RSA-${cipher}`])

/** As tusd has them. */
const MODES = {
  tls12: { minVersion: 'TLSv1.2', ciphers: [...TLS_1_3, ...suites(AEAD)].join(':') },
  tls13: { minVersion: 'TLSv1.3', ciphers: TLS_1_3.join(':') },
  'tls12-strong': { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: suites(STRONG).join(':') },
} as const satisfies Record<string, SecureContextOptions>

export interface Tls {
  /** @throws PlainError if the files cannot be read, or do not belong together */
  read(): SecureContextOptions
  /** Connections under way keep the certificate that they began with. What cannot be read is logged, and changes nothing. */
  readAgain(server: Server, log: Logger): void
}

/** @returns undefined without TLS. @throws UsageError */
export function tlsOf({ tlsCert, tlsKey, h2c, tlsMode }: TlsFiles): Tls | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) throw new UsageError('--tls-cert and --tls-key need one another.')
  if (h2c) throw new UsageError('--h2c is HTTP/2 without TLS; with --tls-cert clients have HTTP/2 anyway.')
  // All of them again with each certificate: a context that is set without them has those of node.
  const read = (): SecureContextOptions => ({ ...MODES[tlsMode], ...readPair(tlsCert, tlsKey) })
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
