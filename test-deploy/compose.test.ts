/** deploy/compose: what the library of Docker Compose makes of the files, and their commands with a real MinIO. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterwards, startServer, temporaryFolder } from '../test/cli/command.js'
import { sha256, someBytes } from '../test/support/stack.js'
import { upload } from '../test/support/tus-js-client.js'
import { SERVERS } from '../test-providers/servers/catalogue.js'
import { CACHE, install } from '../test-providers/servers/install.js'
import { freePorts, openWorkspace } from '../test-providers/servers/process.js'
import { nginxMain } from './fronts.js'
import { DEPLOY, isChosen, type Ran, ROOT, run, toolOf } from './tools.js'

const FOLDER = join(DEPLOY, 'compose')
const ONE = [join(FOLDER, 'compose.yaml')]
const THREE = [...ONE, join(FOLDER, 'compose.nodes.yaml')]
const MiB = 1024 * 1024

interface Service {
  readonly image: string
  readonly environment: Record<string, string>
  readonly entrypoint: readonly string[]
  readonly ports?: readonly { readonly host_ip: string; readonly target: number }[]
  readonly depends_on?: Record<string, { readonly condition: string }>
  readonly stop_grace_period?: string
  readonly read_only?: boolean
}

/** The program of this folder that reads Compose files; built once. */
function reader(): string {
  const source = join(import.meta.dirname, 'compose')
  const [, version] = /compose-go\/v2 (v\S+)/.exec(readFileSync(join(source, 'go.mod'), 'utf8'))!
  const program = join(CACHE, 'deploy', `compose-go-${version}`, 'read')
  if (existsSync(program)) return program
  mkdirSync(join(program, '..'), { recursive: true })
  const { code, text } = run('go', ['build', '-o', program, '.'], { cwd: source, timeout: 600_000 })
  if (code !== 0) throw new Error(`compose-go is needed for these tests and could not be built by "go build": ${text}`)
  return program
}

const read = (...files: string[]): Ran => run(reader(), files)

function servicesOf(files: readonly string[]): Record<string, Service> {
  const { code, stdout, text } = read(...files)
  assert.equal(code, 0, text)
  return (JSON.parse(stdout) as { services: Record<string, Service> }).services
}

if (isChosen('compose')) {
  test('one node: it waits for its bucket, and that for MinIO', () => {
    const { bucket, holdfast, minio } = servicesOf(ONE)
    assert.ok(minio)
    assert.deepEqual(bucket?.depends_on, { minio: { condition: 'service_healthy', required: true } })
    assert.deepEqual(holdfast?.depends_on, { bucket: { condition: 'service_completed_successfully', required: true } })
    assert.equal(holdfast?.read_only, true)
    assert.deepEqual(
      holdfast?.ports?.map(({ host_ip, target }) => [host_ip, target]),
      [['127.0.0.1', 1080]],
    )
  })

  test('three nodes: nobody but nginx reaches them, and nginx knows all of them', () => {
    const services = servicesOf(THREE)
    const nodes = Object.keys(services).filter((name) => name.startsWith('holdfast'))
    assert.equal(nodes.length, 3)
    for (const name of nodes) {
      assert.equal(services[name]!.ports, undefined, name)
      assert.equal(services[name]!.environment.HOLDFAST_BEHIND_PROXY, 'true')
    }
    assert.deepEqual(Object.keys(services.nginx!.depends_on ?? {}), nodes)
    const known = readFileSync(join(FOLDER, 'nginx', 'nodes.conf'), 'utf8')
    assert.deepEqual(
      [...known.matchAll(/^server (\S+):1080 /gm)].map(([, name]) => name),
      nodes,
    )
  })

  test('nginx takes its configuration', (context) => {
    const folder = temporaryFolder(context)
    const own = (name: string): string => readFileSync(join(FOLDER, 'nginx', name), 'utf8')
    const path = nginxMain(folder, {
      // The names are known in the network of the containers only.
      'nodes.conf': own('nodes.conf').replaceAll(/holdfast[-\d]*:/g, '127.0.0.1:'),
      'listen.conf': own('listen.conf'),
    })
    const { code, text } = run(toolOf('nginx'), ['-t', '-c', path, '-p', folder, '-e', join(folder, 'error.log')])
    assert.equal(code, 0, text)
  })

  test('a key that Compose does not know is found', (context) => {
    const path = join(temporaryFolder(context), 'compose.yaml')
    writeFileSync(path, readFileSync(ONE[0]!, 'utf8').replace('read_only:', 'readonly:'))
    const { code, text } = read(path)
    assert.notEqual(code, 0)
    assert.match(text, /readonly/)
  })

  test('MinIO with its keys, the bucket made twice, and an upload by the environment of the node', async (context) => {
    const { minio, bucket, holdfast } = servicesOf(ONE)
    const { MINIO_ROOT_USER: accessKeyId, MINIO_ROOT_PASSWORD: secretAccessKey } = minio!.environment
    const credentials = { accessKeyId: accessKeyId!, secretAccessKey: secretAccessKey! }
    const { version, source, start } = SERVERS.minio
    const program = install(`minio-${version}`, source)
    const workspace = await openWorkspace('minio')
    afterwards(context, () => workspace.close())
    const { endpoint } = await start({ program, workspace, credentials })
    const here = (environment: Record<string, string>) => ({ ...environment, HOLDFAST_S3_ENDPOINT: endpoint })

    const [command, ...args] = bucket!.entrypoint
    assert.equal(command, 'node')
    for (const _ of ['made', 'there already']) {
      const { code, text } = run(process.execPath, args, { cwd: ROOT, env: here(bucket!.environment) })
      assert.equal(code, 0, text)
    }
    const [port] = (await freePorts(1)) as [number]
    const environment = { ...here(holdfast!.environment), HOLDFAST_PORT: String(port) }
    const server = await startServer(context, ['serve'], environment)
    const bytes = someBytes(20 * MiB)
    const { url } = await upload(bytes, { endpoint: server.url, chunkSize: 7 * MiB })
    const client = new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true })
    afterwards(context, () => client.destroy())
    const Key = new URL(url).pathname.split('/').at(-1)!
    const { Body } = await client.send(new GetObjectCommand({ Bucket: holdfast!.environment.HOLDFAST_S3_BUCKET!, Key }))
    assert.equal(sha256(await Body!.transformToByteArray()), sha256(bytes))
  })

  test('the bucket is not called made if the keys are wrong', async (context) => {
    const { bucket } = servicesOf(ONE)
    const { version, source, start } = SERVERS.minio
    const workspace = await openWorkspace('minio')
    afterwards(context, () => workspace.close())
    const credentials = { accessKeyId: 'somebody', secretAccessKey: 'somebody-else' }
    const { endpoint } = await start({ program: install(`minio-${version}`, source), workspace, credentials })
    const env = { ...bucket!.environment, HOLDFAST_S3_ENDPOINT: endpoint }
    assert.notEqual(run(process.execPath, bucket!.entrypoint.slice(1), { cwd: ROOT, env }).code, 0)
  })
}
