/**
 * Run by full.test.ts in a mount of its own: uploads into a file system of two mebibytes. Prints what it found as JSON.
 * @module
 */
import { readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DiskStore } from '../../../src/disk/index.js'
import { createServer } from '../../../src/server.js'
import { seededBytes } from '../../../src/testing/contract/body.js'
import { Client, sha256 } from './client.js'

const MiB = 1024 * 1024
const CONTENT = seededBytes(31, 1.5 * MiB)
const disk = process.argv[2] ?? ''
const directory = join(disk, 'uploads')
const filler = join(disk, 'filler')

const clientOf = (): Client => new Client(createServer({ store: new DiskStore({ directory }) }).serve, CONTENT)
/** Takes all room but so much, in bytes. */
const leave = (bytes: number): void => {
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(filler, new Uint8Array(bavail * bsize - bytes))
}
const makeRoom = (): void => rmSync(filler)

async function finished(client: Client): Promise<unknown> {
  await client.resume()
  const { content } = await client.read()
  const id = client.known.location?.split('/').at(-1) ?? ''
  const files = readdirSync(directory).map((name) => name.replace(id, '<id>'))
  await client.end()
  return { isWhole: sha256(content) === sha256(CONTENT), files: files.sort() }
}

async function inTheMidst(checksum: boolean) {
  const client = clientOf()
  await client.create(CONTENT.byteLength)
  await client.append(0, 100_000)
  leave(512 * 1024)
  const refused = await client.append(100_000, CONTENT.byteLength, { checksum })
  const { fields } = await client.offset()
  makeRoom()
  return {
    status: refused.status,
    ...(checksum ? {} : { retryAfter: refused.fields['retry-after'] }),
    offset: fields['upload-offset'],
    end: await finished(client),
  }
}

async function creation() {
  const client = clientOf()
  leave(0)
  const refused = await client.create(CONTENT.byteLength)
  const withBody = await client.create(CONTENT.byteLength, 200_000)
  makeRoom()
  const files = readdirSync(directory)
  return { statuses: [refused.status, withBody.status], files }
}

async function termination() {
  const client = clientOf()
  await client.create(CONTENT.byteLength)
  await client.append(0, MiB)
  leave(0)
  const { status } = await client.terminate()
  const { bavail, bsize } = statfsSync(disk)
  makeRoom()
  return { status, freed: bavail * bsize }
}

const found = {
  whole: await inTheMidst(false),
  checksum: await inTheMidst(true),
  termination: await termination(),
  creation: await creation(),
}
console.log(JSON.stringify(found, undefined, 1))
process.exit(0)
