// Uploads a file so that the server holds the whole of it against its SHA-256, however many requests it took, and checks what
// comes back when it is downloaded.
//
//   node --import tsx examples/verified-upload.ts talk.mp4 http://127.0.0.1:1080/files/
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { Upload } from 'tus-js-client'

async function sha256(content: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of content) hash.update(chunk)
  return hash.digest('base64')
}

/** @returns the URL of the upload */
function upload(path: string, endpoint: string, digest: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sending = new Upload(createReadStream(path), {
      endpoint,
      chunkSize: 8 * 1024 * 1024,
      // Of the whole file, with the request that creates the upload.
      onBeforeRequest: (request) => {
        if (request.getMethod() === 'POST') request.setHeader('Repr-Digest', `sha-256=:${digest}:`)
      },
      onError: reject,
      onSuccess: () => resolve(sending.url!),
    })
    sending.start()
  })
}

/** Downloads it again. @throws Error if it is not what the server says, or not what was sent */
async function check(url: string, digest: string): Promise<void> {
  const answer = await fetch(url, { headers: { 'Want-Repr-Digest': 'sha-256=10' } })
  const told = /sha-256=:([^:]+):/.exec(answer.headers.get('Repr-Digest') ?? '')?.[1]
  const got = await sha256(Readable.fromWeb(answer.body as never))
  if (!answer.ok || told !== digest || got !== digest) throw new Error(`sent ${digest}, told ${told}, got ${got}`)
}

const [, , path, endpoint] = process.argv
if (path && endpoint) {
  const digest = await sha256(createReadStream(path))
  const url = await upload(path, endpoint, digest)
  await check(url, digest)
  console.log(`uploaded to ${url}, and checked: sha-256 ${digest}`)
}
