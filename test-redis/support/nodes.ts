/**
 * Nodes as users run them: `holdfast serve` as a process, with a locker, over a development bucket that has its quirks.
 * @module
 */
import http from 'node:http'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Quirks } from '../../src/testing/bucket/index.js'
import { afterwards, type Command, startCommand, startServer } from '../../test/cli/command.js'
import { BUCKET, type OpenBucket, openBucket, PATCH_TYPE } from '../../test/support/stack.js'

export const ROOT = join(import.meta.dirname, '..', '..')
export const IGNORED: Quirks = { conditions: 'ignored' }

export async function bucketFor(context: Pick<TestContext, 'after'>, quirks: Quirks = IGNORED): Promise<OpenBucket> {
  const bucket = await openBucket({ quirks, minPartSize: 1024 })
  afterwards(context, () => bucket.close())
  return bucket
}

type Flags = Record<string, string>

function commandOf({ bucket }: OpenBucket, flags: Flags): { args: string[]; environment: Record<string, string> } {
  const all: Flags = {
    port: '0',
    's3-bucket': BUCKET,
    's3-endpoint': bucket.endpoint,
    's3-min-part-size': '1KiB',
    's3-part-size': '16KiB',
    's3-max-object-size': '100MiB',
    ...flags,
  }
  const { accessKeyId, secretAccessKey } = bucket.credentials
  return {
    args: ['serve', ...Object.entries(all).map(([flag, value]) => `--${flag}=${value}`)],
    environment: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
  }
}

/** Started, and listening. */
export async function startServing(
  context: Pick<TestContext, 'after'>,
  bucket: OpenBucket,
  flags: Flags,
  environment: Flags = {},
): Promise<Command & { url: string }> {
  const command = commandOf(bucket, flags)
  return startServer(context, command.args, { ...command.environment, ...environment })
}

/** Started; whether it ever listens is for the test to see. */
export function launch(bucket: OpenBucket, flags: Flags): Command {
  const { args, environment } = commandOf(bucket, flags)
  return startCommand(args, environment)
}

export interface Answer {
  readonly status: number
  readonly fields: http.IncomingHttpHeaders
  readonly text: string
}

/** A PATCH whose body comes as the test sends it. */
export function hang(url: string, offset: number, length: number) {
  const headers = { ...PATCH_TYPE, 'Upload-Offset': String(offset), 'Content-Length': String(length) }
  const request = http.request(url, { method: 'PATCH', headers })
  const answer = new Promise<Answer | Error>((resolve) => {
    request.on('error', resolve)
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (more: string) => {
        text += more
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, fields: response.headers, text }))
    })
  })
  request.flushHeaders()
  return {
    answer,
    send: (bytes: Uint8Array) => new Promise<void>((resolve) => request.write(bytes, () => resolve())),
  }
}

export async function until(what: string, holds: () => boolean | Promise<boolean>, timeout = 20_000): Promise<void> {
  const end = performance.now() + timeout
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not in time: ${what}`)
    await sleep(25)
  }
}
