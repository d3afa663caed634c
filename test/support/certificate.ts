/**
 * Certificates for 127.0.0.1, made when they are needed: signed by themselves, valid for a day.
 * @module
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** One element of DER: tag, length, content. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const length = content.length
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}

const SEQUENCE = 0x30
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))
const time = (at: Date): Buffer => der(0x17, Buffer.from(`${at.toISOString().replace(/\D/g, '').slice(2, 14)}Z`))

const ECDSA_WITH_SHA256 = der(SEQUENCE, oid('2a8648ce3d040302'))
const COMMON_NAME = oid('550403')
const SUBJECT_ALT_NAME = oid('551d11')

const DAY = 24 * 60 * 60 * 1000

/** @param name the common name, by which two certificates can be told apart */
export function makeCertificate(name: string): { cert: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const subject = der(SEQUENCE, der(0x31, der(SEQUENCE, COMMON_NAME, der(0x0c, Buffer.from(name)))))
  const address = der(SEQUENCE, der(0x87, Buffer.from([127, 0, 0, 1])))
  const extension = der(SEQUENCE, SUBJECT_ALT_NAME, der(0x04, address))
  const serial = randomBytes(8)
  serial[0]! &= 0x7f
  serial[0]! |= 1
  const tbs = der(
    SEQUENCE,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ECDSA_WITH_SHA256,
    subject,
    der(SEQUENCE, time(new Date(Date.now() - DAY)), time(new Date(Date.now() + DAY))),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(SEQUENCE, extension)),
  )
  const signature = der(0x03, Buffer.from([0]), sign('sha256', tbs, privateKey))
  const base64 = der(SEQUENCE, tbs, ECDSA_WITH_SHA256, signature).toString('base64').replace(/.{64}/g, '$&\n')
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}
