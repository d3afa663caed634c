/**
 * tusd, built from its published modules into the cache folder (HOLDFAST_CACHE, or ~/.cache/holdfast) once.
 * @module
 */
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import net, { type AddressInfo } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { BUCKET, type OpenBucket, temporaryFolder } from '../test/support/bucket.js'
import { inChild, type Peer } from '../test/support/peers.js'

/** The last of each major version. */
export const TUSD = {
  1: { module: 'github.com/tus/tusd', version: '1.13.0' },
  2: { module: 'github.com/tus/tusd/v2', version: '2.10.0' },
}

export type Major = keyof typeof TUSD

const run = promisify(execFile)

/** @returns the program's path @throws Error with a sentence that says what is missing */
export function buildTusd(major: Major): Promise<string> {
  return buildOnce(major, 'tusd', `${TUSD[major].module}/cmd/tusd`)
}

/**
 * A program of tusd's modules, or one that uses them.
 * @param source of a main package of our own; without it `target` is a package of a module
 */
export async function buildOnce(major: Major, name: string, target: string, source?: string): Promise<string> {
  const { module, version } = TUSD[major]
  const folder = join(process.env.HOLDFAST_CACHE ?? join(homedir(), '.cache', 'holdfast'), `tusd-${version}`)
  const program = join(folder, name)
  if (existsSync(program)) return program
  const work = await temporaryFolder()
  try {
    // A module of its own and not `go install …@version`, which asks for the list of versions that some proxies lack.
    await writeFile(join(work.path, 'go.mod'), `module peers\n\ngo 1.24\n\nrequire ${module} v${version}\n`)
    if (source !== undefined) await writeFile(join(work.path, 'main.go'), source)
    await mkdir(folder, { recursive: true })
    const built = `${program}.${process.pid}`
    const args = ['-n', '15', 'go', 'build', '-mod=mod', '-o', built, target]
    await run('nice', args, { cwd: work.path })
    await rename(built, program)
    return program
  } catch (cause) {
    const message = `${name} of tusd ${version} could not be built. It needs Go 1.24 or later (https://go.dev/dl) and a module proxy.`
    throw new Error(message, { cause })
  } finally {
    await work.remove()
  }
}

/** Starts tusd on the development bucket. */
export async function startTusd(major: Major, bucket: OpenBucket, options: readonly string[]): Promise<Peer> {
  const { endpoint, region, credentials } = bucket.bucket
  const env = {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: region,
  }
  return start(major, ['-s3-bucket', BUCKET, '-s3-endpoint', endpoint, ...options], env)
}

/** Starts tusd on a folder. */
export const startTusdOnDisk = (major: Major, folder: string, options: readonly string[] = []): Promise<Peer> =>
  start(major, ['-upload-dir', folder, ...options], {})

async function start(major: Major, options: readonly string[], environment: Record<string, string>): Promise<Peer> {
  const program = await buildTusd(major)
  const env = { PATH: process.env.PATH, ...environment }
  return inChild(async () => {
    const port = await freePort()
    const args = ['-host', '127.0.0.1', '-port', String(port), ...options]
    const child = spawn('nice', [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let log = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        log = (log + text).slice(-5_000)
      })
    }
    const url = `http://127.0.0.1:${port}/files/`
    for (let tries = 0; !(await answers(url)); tries++) {
      if (child.exitCode !== null || tries > 300) throw new Error(`tusd ${TUSD[major].version} did not start:\n${log}`)
      await setTimeout(50)
    }
    return { child, url }
  })
}

const answers = (url: string): Promise<boolean> =>
  fetch(url, { method: 'OPTIONS' }).then(
    ({ ok }) => ok,
    () => false,
  )

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
