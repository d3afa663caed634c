/**
 * Garage on one node. It makes its own keys, which are asked for once it serves.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Running, StartInput } from './catalogue.js'
import { answersHttp, freePorts } from './process.js'

/** What the one node says it can hold. */
const CAPACITY = '10G'

export async function startGarage({ program, workspace, credentials }: StartInput): Promise<Running> {
  const [s3, rpc, admin] = (await freePorts(3)) as [number, number, number]
  const config = join(workspace.folder, 'garage.toml')
  await writeFile(config, configuration(workspace.folder, s3, rpc, admin))
  const run = (...args: string[]) => workspace.run({ program, args: ['-c', config, ...args] })
  workspace.start({ program, args: ['-c', config, 'server'], env: { RUST_LOG: 'warn' } })
  await workspace.until(async () => (await run('status')) !== '')
  const node = (await run('node', 'id', '-q')).split('@')[0]!
  await run('layout', 'assign', '-z', 'here', '-c', CAPACITY, node.trim())
  await run('layout', 'apply', '--version', '1')
  const key = await run('key', 'create', 'holdfast')
  const [, accessKeyId] = /Key ID:\s*(\S+)/.exec(key) ?? []
  const [, secretAccessKey] = /Secret key:\s*(\S+)/.exec(key) ?? []
  await run('key', 'allow', '--create-bucket', accessKeyId ?? credentials.accessKeyId)
  const endpoint = `http://127.0.0.1:${s3}`
  await workspace.until(() => answersHttp(endpoint))
  if (!accessKeyId || !secretAccessKey) throw new Error(`no key in what garage printed: ${key}`)
  return { endpoint, credentials: { accessKeyId, secretAccessKey } }
}

const configuration = (folder: string, s3: number, rpc: number, admin: number): string => `
metadata_dir = "${folder}/meta"
data_dir = "${folder}/data"
db_engine = "sqlite"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:${rpc}"
rpc_public_addr = "127.0.0.1:${rpc}"
rpc_secret = "${randomBytes(32).toString('hex')}"

[s3_api]
s3_region = "garage"
api_bind_addr = "127.0.0.1:${s3}"
root_domain = ".localhost"

[admin]
api_bind_addr = "127.0.0.1:${admin}"
`
