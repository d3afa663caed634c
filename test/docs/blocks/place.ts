/**
 * Where the blocks of one page are run: a folder with a file to send, a development bucket, and a server before it. What a
 * page calls its server, its bucket or its endpoint becomes these.
 * @module
 */
import { spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { makeCertificate } from '../../support/certificate.js'
import { openBucket, someBytes, startNode } from '../../support/stack.js'
import { ROOT } from './block.js'

export const MAIN = join(ROOT, 'dist', 'cli', 'main.js')
const BUCKETS = ['uploads', 'media', 'holdfast']
/** What documentation calls a server that runs. */
const SERVERS =
  /https?:\/\/(?:127\.0\.0\.1:1080|localhost:1080|(?:upload\.|files\.|uploads\.)?example\.com)(?=[/'"\s]|$)/g
const ENDPOINTS = /https?:\/\/s3\.example\.com/g

export interface Ended {
  code: number | NodeJS.Signals
  stdout: string
  stderr: string
}

export type Place = Awaited<ReturnType<typeof openPlace>>

export async function openPlace() {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-blocks-'))
  const bucket = await openBucket({ buckets: BUCKETS })
  const node = await startNode(bucket)
  const { accessKeyId, secretAccessKey } = bucket.bucket.credentials
  writeFileSync(join(folder, 'talk.mp4'), someBytes(300_000))
  const { cert, key } = makeCertificate('documentation')
  writeFileSync(join(folder, 'fullchain.pem'), cert)
  writeFileSync(join(folder, 'privkey.pem'), key)
  mkdirSync(join(folder, 'hooks'))
  copyFileSync(join(ROOT, 'examples', 'holdfast.yaml'), join(folder, 'holdfast.yaml'))
  const heads = join(folder, '.heads')
  writeShims(join(folder, '.bin'), heads)
  const environment = {
    PATH: [join(folder, '.bin'), process.env.PATH].join(delimiter),
    HOME: folder,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: bucket.bucket.region,
    S3_ENDPOINT: bucket.bucket.endpoint,
    S3_BUCKET: 'uploads',
    PORT: '0',
  }
  /** The uploads that were created, by what the page calls them. */
  const ids = new Map<string, string>()
  return {
    folder,
    node,
    bucket: bucket.bucket,
    environment,
    /** A text of the page, with the addresses of this place, and the uploads under their real IDs. */
    here: (text: string): string =>
      text
        .replaceAll(SERVERS, node.origin)
        .replaceAll(ENDPOINTS, bucket.bucket.endpoint)
        .replaceAll(/redis:\/\/[^\s'"]*/g, 'redis://127.0.0.1:1')
        .replaceAll(/\/files\/(\w+)\b/g, (whole, name: string) => (ids.has(name) ? `/files/${ids.get(name)}` : whole)),
    /** Notes the upload of a Location; the last one that was created is ID, too. */
    created(location: string, name = 'ID'): void {
      const id = location.split('/').at(-1)!
      ids.set(name, id).set('ID', id)
    },
    async createBucket(name: string): Promise<void> {
      if (BUCKETS.includes(name)) return
      await bucket.client.send(new CreateBucketCommand({ Bucket: name })).catch(() => undefined)
    },
    /** A program in the folder; it is ended after 20 seconds. */
    run: (program: string, args: readonly string[], variables: Record<string, string> = {}): Promise<Ended> =>
      run(program, args, folder, { ...environment, ...variables }),
    /** What curl was answered since the last time, all heads. */
    heads(): string {
      const text = readFileSync(heads, 'utf8')
      writeFileSync(heads, '')
      return text
    },
    async close(): Promise<void> {
      await node.close()
      await bucket.close()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** `npx holdfast` and `holdfast` are what was built here; curl tells what it is answered in a file. */
function writeShims(folder: string, heads: string): void {
  mkdirSync(folder)
  writeFileSync(heads, '')
  const shims = {
    holdfast: `exec '${process.execPath}' '${MAIN}' "$@"`,
    npx: 'exec "$@"',
    curl: `real=$(PATH=$(echo "$PATH" | cut -d: -f2-) command -v curl) && "$real" -D '${heads}.last' "$@"; code=$?; cat '${heads}.last' >> '${heads}' 2> /dev/null; exit $code`,
  }
  for (const [name, text] of Object.entries(shims)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(folder, name), 0o755)
  }
}

const LIMIT = 20_000

function run(program: string, args: readonly string[], cwd: string, env: Record<string, string>): Promise<Ended> {
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text
    })
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code: signal ?? code ?? -1, ...texts })
    })
  })
}

/** Does something while `holdfast serve` or `dev` serves, and stops it. @throws Error with what it said */
export async function whileServing(
  place: Place,
  words: readonly string[],
  variables: Record<string, string>,
  work: () => Promise<unknown>,
): Promise<void> {
  const child = spawn(process.execPath, [MAIN, ...words], {
    cwd: place.folder,
    env: { ...place.environment, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT)
  const closed = new Promise<number | NodeJS.Signals>((resolve) =>
    child.once('close', (code, signal) => resolve(signal ?? code ?? -1)),
  )
  const ready = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text
        if (/You can now upload files to: \S+/.test(said)) resolve()
      })
    }
  })
  try {
    const first = await Promise.race([ready, closed])
    if (first === undefined) await work()
  } finally {
    child.kill('SIGTERM')
  }
  const code = await closed
  clearTimeout(timer)
  if (code !== 0) throw new Error(`holdfast ${words.join(' ')} ended with ${code}:\n${said}`)
}
