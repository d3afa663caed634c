import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import tls from 'node:tls'
import { createHttpServer, listen } from '../../src/cli/listen.js'
import { tlsOf } from '../../src/cli/tls.js'
import { makeCertificate } from '../support/certificate.js'
import { afterwards, temporaryFolder } from './command.js'

type Mode = Parameters<typeof tlsOf>[0]['tlsMode']

/** A server in this mode, before and after its certificate is read again. */
async function serve(context: TestContext, tlsMode: Mode) {
  const folder = temporaryFolder(context)
  const files = { tlsCert: join(folder, 'cert'), tlsKey: join(folder, 'key') }
  const { cert, key } = makeCertificate('one')
  writeFileSync(files.tlsCert, cert)
  writeFileSync(files.tlsKey, key)
  const certificate = tlsOf({ ...files, h2c: false, tlsMode })!
  const holdfast = { serve: async () => undefined }
  const { server } = createHttpServer({ holdfast, basePath: '/' }, { tls: certificate.read() })
  const port = await listen(server, '127.0.0.1', 0)
  afterwards(context, () => server.close())
  const log = { debug() {}, info() {}, warn() {}, error: (fields: unknown) => assert.fail(JSON.stringify(fields)) }
  return { port, readAgain: () => certificate.readAgain(server, log) }
}

/** @returns what was agreed on, or undefined if nothing was */
async function connect(port: number, options: tls.ConnectionOptions): Promise<string | undefined> {
  // Ciphers of TLS 1.2 that the client's own defaults leave out would hide what the server takes.
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'], ...options })
  try {
    await once(socket, 'secureConnect')
    return `${socket.getProtocol()} ${socket.getCipher().name}`
  } catch {
    return undefined
  } finally {
    socket.destroy()
  }
}

const TLS_1_2 = { maxVersion: 'TLSv1.2' } as const
const TLS_1_3 = { minVersion: 'TLSv1.3' } as const
const using = (ciphers: string) => ({ ...TLS_1_2, ciphers }) as const

const rows: [mode: Mode, options: tls.ConnectionOptions, agreed: string | undefined][] = [
  ['tls12', TLS_1_3, 'TLSv1.3 TLS_AES_256_GCM_SHA384'],
  ['tls12', using('ECDHE-ECDSA-AES128-GCM-SHA256'), 'TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['tls12', using('ECDHE-ECDSA-AES128-SHA256'), undefined],
  ['tls12', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, undefined],
  ['tls13', TLS_1_3, 'TLSv1.3 TLS_AES_256_GCM_SHA384'],
  ['tls13', TLS_1_2, undefined],
  ['tls12-strong', TLS_1_2, 'TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['tls12-strong', using('ECDHE-ECDSA-AES128-GCM-SHA256'), undefined],
  ['tls12-strong', TLS_1_3, undefined],
]
for (const [mode, options, agreed] of rows) {
  const what = options.ciphers ?? options.minVersion ?? options.maxVersion
  test(`--tls-mode ${mode} ${agreed ? 'takes' : 'refuses'} ${what}, also after the certificate was read again`, async (context) => {
    const { port, readAgain } = await serve(context, mode)
    assert.equal(await connect(port, options), agreed)
    readAgain()
    assert.equal(await connect(port, options), agreed)
  })
}
