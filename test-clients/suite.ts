/**
 * What each client must get done, on both stores, with the built server. A client is a program that uploads one file,
 * remembers the URL, and goes on with it when it is started again.
 * @module
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import { afterwards, temporaryFolder } from '../test/cli/command.js'
import { openBucket, sha256 } from '../test/support/bucket.js'
import { MortalServer, s3Args, s3Environment } from '../test/support/mortal-server.js'
import { type Gate, startGate } from './gate.js'

const MiB = 1024 * 1024

/** One run of a client. */
export interface Job {
  endpoint: string
  /** The file to send. */
  path: string
  /** A file for what the client remembers from run to run; missing at first. */
  state: string
  checksum: boolean
}

export interface Program {
  program: string
  args: string[]
  env?: Record<string, string>
  cwd?: string
}

export interface Client {
  /** Installs what is missing. @throws Error that says how to get it */
  install(): void
  command(job: Job): Program
  /** It can send Upload-Checksum. */
  checksums: boolean
}

export const STORES = ['S3', 'disk'] as const

export interface Place {
  /** Through the gate. */
  readonly endpoint: string
  readonly gate: Gate
  readonly server: MortalServer
  /** What is stored, read past the server. */
  stored(url: string): Promise<Buffer>
}

const idOf = (url: string): string => new URL(url).pathname.split('/').at(-1)!

export async function openPlace(context: TestContext, store: (typeof STORES)[number]): Promise<Place> {
  const folder = temporaryFolder(context)
  const bucket = store === 'S3' ? await openBucket() : undefined
  if (bucket) afterwards(context, () => bucket.close())
  const args = bucket ? s3Args(bucket.bucket) : ['--upload-dir', folder]
  const server = new MortalServer(context, ['serve', ...args], bucket ? s3Environment(bucket.bucket) : {})
  await server.start()
  const gate = await startGate(() => Number(new URL(server.url).port))
  afterwards(context, () => gate.close())
  return {
    endpoint: `http://127.0.0.1:${gate.port}/files/`,
    gate,
    server,
    stored: async (url) => (bucket ? (await bucket.object(idOf(url))).bytes : readFileSync(join(folder, idOf(url)))),
  }
}

interface Ended {
  code: number | NodeJS.Signals
  stdout: string
  stderr: string
}

/** Starts a program that ends with the test at the latest. */
export function run(
  context: TestContext,
  { program, args, env = {}, cwd = '.' }: Program,
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text
    })
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code: signal ?? code ?? -1, ...texts }))
  })
  afterwards(context, () => child.kill('SIGKILL'))
  return { child, ended }
}

/** Stored as sent, and given out with its name and type. */
export async function isWhole(place: Place, url: string, bytes: Buffer): Promise<void> {
  assert.equal(sha256(await place.stored(url)), sha256(bytes))
  const told = await fetch(url)
  await told.body?.cancel()
  assert.equal(told.headers.get('Content-Length'), String(bytes.length))
  assert.equal(told.headers.get('Content-Type'), 'video/mp4')
  assert.match(told.headers.get('Content-Disposition') ?? '', /filename\*=UTF-8''Gr%C3%BC%C3%9Fe%20%E4%BD%A0/)
}

/** Whether HOLDFAST_CLIENTS, if it is set, names this one. */
export const isChosen = (name: string): boolean => (process.env.HOLDFAST_CLIENTS?.split(',') ?? [name]).includes(name)

/** The code of docs/clients.md in this language, for `endpoint`. */
export function snippet(language: string, endpoint: string): string {
  const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'clients.md'), 'utf8')
  const [, code] = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'm').exec(page)!
  assert.ok(code!.includes('http://127.0.0.1:1080/files/'), 'it names the server of the examples')
  return code!.replaceAll('http://127.0.0.1:1080/files/', endpoint)
}

/** Runs the code of docs/clients.md beside a file `talk.mp4`, and looks whether that file was stored. */
export async function snippetWorks(context: TestContext, language: string, program: string): Promise<void> {
  const place = await openPlace(context, 'S3')
  const folder = temporaryFolder(context)
  const bytes = randomBytes(3 * MiB)
  await writeFile(join(folder, 'talk.mp4'), bytes)
  const args = ['-c', snippet(language, place.endpoint)]
  const { code, stdout, stderr } = await run(context, { program, args, cwd: folder }).ended
  assert.equal(code, 0, stderr)
  assert.equal(sha256(await place.stored(stdout.trim().split('\n').at(-1)!)), sha256(bytes))
}

/** @param name without the version, for HOLDFAST_CLIENTS */
export function clientSuite(name: string, version: string, client: Client): void {
  if (!isChosen(name)) return
  for (const store of STORES) {
    describe(`${name} ${version}, ${store}`, () => {
      before(() => client.install())

      const open = async (context: TestContext, size: number, checksum = false) => {
        const place = await openPlace(context, store)
        const folder = temporaryFolder(context)
        const bytes = randomBytes(size)
        const path = join(folder, 'a file.bin')
        await writeFile(path, bytes)
        const job = { endpoint: place.endpoint, path, state: join(folder, 'state'), checksum }
        return { place, bytes, start: () => run(context, client.command(job)) }
      }
      const urlOf = ({ code, stdout, stderr }: Ended): string => {
        assert.equal(code, 0, stderr)
        return stdout.trim().split('\n').at(-1)!
      }

      for (const size of [0, 1_000, 20 * MiB]) {
        test(`${size} bytes`, async (context) => {
          const { place, bytes, start } = await open(context, size)
          await isWhole(place, urlOf(await start().ended), bytes)
        })
      }

      test('the client is killed in the middle of 20 MiB; the next run goes on where it was', async (context) => {
        const { place, bytes, start } = await open(context, 20 * MiB)
        const held = place.gate.hold(13 * MiB)
        const first = start()
        await Promise.race([held, first.ended.then(({ stderr }) => assert.fail(`it ended before: ${stderr}`))])
        first.child.kill('SIGKILL')
        await first.ended
        place.gate.open()
        await isWhole(place, urlOf(await start().ended), bytes)
        const offsets = [...place.gate.heads.matchAll(/^upload-offset: (\d+)\r$/gim)].map(([, offset]) =>
          Number(offset),
        )
        assert.ok(offsets.at(-1)! > 0, `PATCH at ${offsets}`)
        assert.equal([...place.gate.heads.matchAll(/^upload-length: /gim)].length, 1, 'one creation')
      })

      test('the server is killed in the middle of 20 MiB', async (context) => {
        const { place, bytes, start } = await open(context, 20 * MiB)
        const held = place.gate.hold(13 * MiB)
        const first = start()
        await Promise.race([held, first.ended.then(({ stderr }) => assert.fail(`it ended before: ${stderr}`))])
        await place.server.killAndRestart()
        place.gate.open()
        // A client that tries again by itself may have come to the end.
        const { code, stdout } = await first.ended
        await isWhole(place, code === 0 ? stdout.trim().split('\n').at(-1)! : urlOf(await start().ended), bytes)
      })

      if (client.checksums) {
        test('20 MiB, with Upload-Checksum', async (context) => {
          const { place, bytes, start } = await open(context, 20 * MiB, true)
          await isWhole(place, urlOf(await start().ended), bytes)
          assert.match(place.gate.heads, /^upload-checksum: sha1 /im)
        })
      }
    })
  }
}
