/**
 * Several `holdfast serve` on one development bucket, each on a port that it comes back to.
 * @module
 */
import type { TestContext } from 'node:test'
import { afterwards, type Command, startCommand } from '../test/cli/command.js'
import { s3Args, s3Environment } from '../test/support/mortal-server.js'
import { type OpenBucket, openBucket } from '../test/support/stack.js'
import { freePorts } from '../test-providers/servers/process.js'

export interface Nodes {
  readonly bucket: OpenBucket
  /** host:port of each. */
  readonly addresses: readonly string[]
  /** How many requests of this method each answered, over all of its lives. */
  answered(method: string): number[]
  kill(at: number): Promise<void>
  /** By SIGTERM, and anew when it has ended. @returns how it ended */
  restart(at: number): Promise<number | NodeJS.Signals>
}

/** They end with the test. */
export async function startNodes(
  context: Pick<TestContext, 'after'>,
  count: number,
  flags: readonly string[] = [],
): Promise<Nodes> {
  const bucket = await openBucket()
  afterwards(context, () => bucket.close())
  const ports = await freePorts(count)
  const args = [...s3Args(bucket.bucket), '--behind-proxy', '--verbose', '--log-format', 'json', ...flags]
  const lives: Command[][] = ports.map(() => [])
  afterwards(context, () => Promise.all(ports.map((_, at) => kill(at))))

  async function start(at: number): Promise<void> {
    const command = startCommand(['serve', ...args, '--port', String(ports[at])], s3Environment(bucket.bucket))
    lives[at]!.push(command)
    await command.waitFor(/You can now upload files/)
  }
  async function end(at: number, signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    const command = lives[at]!.at(-1)
    command?.child.kill(signal)
    return (await command?.ended) ?? 0
  }
  async function kill(at: number): Promise<void> {
    await end(at, 'SIGKILL')
  }

  await Promise.all(ports.map((_, at) => start(at)))
  return {
    bucket,
    addresses: ports.map((port) => `127.0.0.1:${port}`),
    answered(method) {
      const line = new RegExp(`"method":"${method}"`, 'g')
      return lives.map((life) => life.flatMap(({ stderr }) => stderr.match(line) ?? []).length)
    },
    kill,
    async restart(at) {
      const code = await end(at, 'SIGTERM')
      await start(at)
      return code
    },
  }
}
