/**
 * The peers whose uploads the same faults are tried on, configured as their documentation says.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { S3Store } from '@tus/s3-store'
import { Server } from '@tus/server'
import { type Settings, type StartServer, startHere, startProcesses } from '../../test-faults/support/servers.js'
import type { Target } from '../../test-faults/support/target.js'
import { buildTusd } from '../../test-peers/tusd.js'
import { freePorts } from '../../test-providers/servers/process.js'

export interface Contender {
  readonly name: string
  /** In this process where that can be, since it is faster. */
  readonly start: StartServer
  /** In one that can be killed. */
  readonly startProcess: StartServer
  close(): void
}

/** What Holdfast is given, too: two tries, and a time limit, without which the SDK would wait for ever. */
const clientOptions = ({ timeout }: Settings) => ({
  maxAttempts: 2,
  requestHandler: { requestTimeout: timeout, throwOnRequestTimeout: true },
})

export function holdfast(): Contender {
  const { start: startProcess, close } = startProcesses()
  return { name: 'Holdfast', start: startHere, startProcess, close }
}

export function tusNode(): Contender {
  const optionsOf = ({ bucket, partSize }: Target, settings: Settings) => ({
    bucket,
    partSize,
    client: clientOptions(settings),
  })
  const { start: startProcess, close } = startProcesses(join(import.meta.dirname, 'tus-node.mjs'), optionsOf)
  return { name: '@tus/server + @tus/s3-store', start: startTusNode, startProcess, close }
}

const startTusNode: StartServer = async ({ region, credentials, bucket, partSize }, endpoint, settings) => {
  const client = clientOptions(settings)
  const s3 = { bucket, endpoint, region, credentials: { ...credentials }, forcePathStyle: true, ...client }
  const datastore = new S3Store({ partSize, minPartSize: partSize, s3ClientConfig: s3 })
  const server = new Server({ path: '/files', datastore })
  const listener = http.createServer((request, response) => void server.handle(request, response))
  listener.listen(0, '127.0.0.1')
  await new Promise((resolve) => listener.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/files/`,
    async close() {
      listener.closeAllConnections()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}

export async function tusd(): Promise<Contender> {
  const program = await buildTusd(2)
  const running = new Set<ChildProcess>()
  const start: StartServer = async ({ region, credentials, bucket, partSize }, endpoint) => {
    const [port] = (await freePorts(1)) as [number]
    const s3 = ['-s3-bucket', bucket, '-s3-endpoint', endpoint, '-s3-part-size', String(partSize)]
    const args = ['-host', '127.0.0.1', '-port', String(port), ...s3, '-s3-min-part-size', String(partSize)]
    const env = {
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_REGION: region,
    }
    const child = spawn(program, args, { env, stdio: 'ignore' })
    running.add(child)
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    const url = `http://127.0.0.1:${port}/files/`
    const isUp = () =>
      fetch(url, { method: 'OPTIONS' }).then(
        ({ ok }) => ok,
        () => false,
      )
    for (let tries = 0; !(await isUp()); tries++) {
      if (child.exitCode !== null || tries > 200) throw new Error('tusd does not start')
      await sleep(25)
    }
    const kill = (): void => void child.kill('SIGKILL')
    return {
      url,
      kill,
      async close() {
        kill()
        await ended
        running.delete(child)
      },
    }
  }
  return {
    name: 'tusd',
    start,
    startProcess: start,
    close() {
      for (const child of running) child.kill('SIGKILL')
    },
  }
}
