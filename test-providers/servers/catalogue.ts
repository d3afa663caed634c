/**
 * The S3 servers that Holdfast is tested on: which version, where it comes from, how it is started.
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Capabilities } from '../../src/s3/provider/capabilities.js'
import { startCeph } from './ceph.js'
import { startGarage } from './garage.js'
import type { Source } from './install.js'
import { bySession, type Policy } from './limited.js'
import { answersHttp, freePorts, type Workspace } from './process.js'

export interface Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface StartInput {
  /** The path of what was installed. */
  readonly program: string
  readonly workspace: Workspace
  readonly credentials: Keys
}

export interface Running {
  readonly endpoint: string
  /** If the server made others than it was given. */
  readonly credentials?: Keys
  /** Another user, whom a policy of the bucket can let in: the credentials, and the name in policies. */
  readonly guest?: { readonly credentials: Keys; readonly principal: string }
  /** A session with a policy of its own. */
  session?(policy: Policy): Promise<Keys & { sessionToken?: string }>
}

export interface Exception {
  readonly rule: RegExp
  /** What the rules are about, for docs/providers.md. */
  readonly what: string
  readonly why: string
}

export interface Server {
  /** As its makers write it. */
  readonly title: string
  readonly version: string
  readonly source: Source
  /** Default: us-east-1 */
  readonly region?: string
  /** The command, in short, for docs/providers.md. */
  readonly started: string
  /** What the store's probe must find out about it. */
  readonly capabilities: Pick<Capabilities, 'conditionalWrites' | 'checksums' | 'fullObjectChecksums'>
  /** It tests conditions, but not in one step with the write (or the read): the doctor finds out, and they are not used. */
  readonly isLate?: true
  /** Rules that Holdfast cannot keep on this server, with the reason. Their tests run and are reported as todo. */
  readonly exceptions?: readonly Exception[]
  /** It takes parts of a multipart upload that was aborted, so that the loss is found only when it is completed. */
  readonly takesPartsAfterAbort?: true
  start(input: StartInput): Promise<Running>
}

/** Most servers are one process with a folder. */
function oneProcess(
  describe: (input: StartInput & { port: number; data: string }) => { args: string[]; env?: Record<string, string> },
): Server['start'] {
  return async (input) => {
    const { program, workspace } = input
    const [port] = (await freePorts(1)) as [number]
    const data = join(workspace.folder, 'data')
    await mkdir(data)
    const described = describe({ ...input, port, data })
    workspace.start({ program, ...described })
    const endpoint = `http://127.0.0.1:${port}`
    await workspace.until(() => answersHttp(endpoint))
    return { endpoint }
  }
}

async function startMinio({ program, workspace, credentials }: StartInput): Promise<Running> {
  const [port, consolePort] = (await freePorts(2)) as [number, number]
  const address = `127.0.0.1:${port}`
  workspace.start({
    program,
    args: [
      'server',
      '--address',
      address,
      '--console-address',
      `127.0.0.1:${consolePort}`,
      join(workspace.folder, 'd'),
    ],
    env: {
      MINIO_ROOT_USER: credentials.accessKeyId,
      MINIO_ROOT_PASSWORD: credentials.secretAccessKey,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
    },
  })
  const endpoint = `http://${address}`
  await workspace.until(async () => (await fetch(`${endpoint}/minio/health/ready`)).ok)
  return { endpoint, session: (policy) => bySession(endpoint, credentials, policy) }
}

async function startS3Proxy({ program, workspace, credentials }: StartInput): Promise<Running> {
  const [port] = (await freePorts(1)) as [number]
  const endpoint = `http://127.0.0.1:${port}`
  const data = join(workspace.folder, 'data')
  await mkdir(data)
  const file = join(workspace.folder, 's3proxy.conf')
  const settings = {
    's3proxy.endpoint': endpoint,
    's3proxy.authorization': 'aws-v4',
    's3proxy.identity': credentials.accessKeyId,
    's3proxy.credential': credentials.secretAccessKey,
    's3proxy.v4-max-non-chunked-request-size': String(256 * 1024 * 1024),
    'jclouds.provider': 'filesystem-nio2',
    'jclouds.filesystem.basedir': data,
    'jclouds.identity': 'local',
    'jclouds.credential': 'local',
  }
  await writeFile(
    file,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  )
  workspace.start({ program: 'java', args: ['-jar', program, '--properties', file] })
  await workspace.until(() => answersHttp(endpoint))
  return { endpoint }
}

async function startS3Mock({ program, workspace }: StartInput): Promise<Running> {
  const [port, securePort] = (await freePorts(2)) as [number, number]
  const mock = '-Dcom.adobe.testing.s3mock'
  const settings = [
    `${mock}.httpPort=${port}`,
    `-Dserver.port=${securePort}`,
    '-Dserver.address=127.0.0.1',
    `${mock}.store.root=${workspace.folder}`,
    `${mock}.max-payload-size=10MB`,
    '-Dlogging.level.root=warn',
  ]
  workspace.start({ program: 'java', args: [...settings, '-jar', program] })
  const endpoint = `http://127.0.0.1:${port}`
  await workspace.until(() => answersHttp(endpoint))
  return { endpoint }
}

/** Rules about writers at the same moment, on different nodes. */
const SEVERAL_NODES = /^of (two|three) |^finishing at once|^concat by several stores|nodes that append other bytes/

const QUOTED = { conditionalWrites: 'quoted', checksums: true } as const
const NO_WHOLE = { fullObjectChecksums: 'none' } as const

export const SERVERS = {
  ceph: {
    title: 'Ceph RGW',
    version: '16.2',
    source: { by: 'apt', packages: ['radosgw', 'ceph-mon', 'ceph-osd'], binary: 'radosgw' },
    started: 'one monitor, one OSD (memstore), one gateway',
    capabilities: { conditionalWrites: 'unquoted', checksums: true, ...NO_WHOLE },
    start: startCeph,
  },
  minio: {
    title: 'MinIO',
    version: '2026-02-12',
    source: {
      by: 'go',
      module: 'github.com/minio/minio',
      version: 'v0.0.0-20260212201848-7aac2a2c5b7c',
      binary: 'minio',
    },
    started: '`minio server FOLDER`',
    capabilities: { ...QUOTED, fullObjectChecksums: 'sent' },
    start: startMinio,
  },
  versitygw: {
    title: 'VersityGW',
    version: '1.8.0',
    source: {
      by: 'go',
      module: 'github.com/versity/versitygw/cmd/versitygw',
      version: 'v1.8.0',
      binary: 'versitygw',
    },
    started: '`versitygw posix FOLDER`',
    capabilities: { ...QUOTED, fullObjectChecksums: 'sent' },
    isLate: true,
    exceptions: [
      {
        rule: SEVERAL_NODES,
        what: 'several nodes',
        why: 'a read can have an older ETag than its bytes: a locker is needed',
      },
    ],
    start: oneProcess(({ port, data, credentials: { accessKeyId, secretAccessKey } }) => ({
      args: [
        '--port',
        `127.0.0.1:${port}`,
        '--access',
        accessKeyId,
        '--secret',
        secretAccessKey,
        '--quiet',
        'posix',
        data,
      ],
    })),
  },
  garage: {
    title: 'Garage',
    version: '2.5.0',
    source: { by: 'cargo', crate: 'garage', version: '2.5.0' },
    region: 'garage',
    started: '`garage server`, one node, `replication_factor = 1`',
    // The last of these was never measured.
    capabilities: { conditionalWrites: 'none', checksums: true, ...NO_WHOLE },
    exceptions: [{ rule: SEVERAL_NODES, what: 'several nodes', why: 'Garage ignores conditions: a locker is needed' }],
    start: startGarage,
  },
  rclone: {
    title: 'rclone serve s3',
    version: '1.76.0',
    source: { by: 'go', module: 'github.com/rclone/rclone', version: 'v1.76.0', binary: 'rclone' },
    started: '`rclone serve s3 FOLDER`',
    capabilities: { ...QUOTED, ...NO_WHOLE },
    isLate: true,
    exceptions: [
      {
        rule: SEVERAL_NODES,
        what: 'several nodes',
        why: 'rclone writes files in place, and who reads meanwhile gets a part of them: a locker is needed',
      },
    ],
    start: oneProcess(({ port, data, credentials: { accessKeyId, secretAccessKey } }) => ({
      args: ['serve', 's3', '--addr', `127.0.0.1:${port}`, '--auth-key', `${accessKeyId},${secretAccessKey}`, data],
    })),
  },
  s3proxy: {
    title: 'S3Proxy',
    version: '4.1.0',
    source: {
      by: 'maven',
      artifact: 'org.gaul:s3proxy:4.1.0:jar:jar-with-dependencies',
      file: 's3proxy-4.1.0-jar-with-dependencies.jar',
    },
    started: '`java -jar s3proxy.jar`, `filesystem-nio2`',
    capabilities: { ...QUOTED, ...NO_WHOLE },
    isLate: true,
    takesPartsAfterAbort: true,
    exceptions: [
      {
        rule: SEVERAL_NODES,
        what: 'several nodes',
        why: 'S3Proxy tests conditions before it writes: a locker is needed',
      },
    ],
    start: startS3Proxy,
  },
  s3mock: {
    title: 'Adobe S3Mock',
    version: '5.2.0',
    source: { by: 'maven', artifact: 'com.adobe.testing:s3mock:5.2.0:jar:exec', file: 's3mock-5.2.0-exec.jar' },
    started: '`java -jar s3mock-exec.jar`',
    capabilities: { ...QUOTED, fullObjectChecksums: 'all' },
    isLate: true,
    exceptions: [
      {
        rule: SEVERAL_NODES,
        what: 'several nodes',
        why: 'S3Mock writes files in place, and tests conditions before it writes: a locker is needed',
      },
      {
        rule: /^an ID that is taken is refused also/,
        what: 'an ID that is used twice',
        why: 'S3Mock deletes the object of a key whose upload is aborted',
      },
    ],
    start: startS3Mock,
  },
  moto: {
    title: 'moto',
    version: '5.2.5',
    source: { by: 'pip', requirement: 'moto[s3,server]==5.2.5', binary: 'moto_server' },
    started: '`moto_server`',
    capabilities: { ...QUOTED, ...NO_WHOLE },
    start: oneProcess(({ port }) => ({ args: ['-H', '127.0.0.1', '-p', String(port)] })),
  },
} as const satisfies Record<string, Server>

export type ServerName = keyof typeof SERVERS
export const SERVER_NAMES = Object.keys(SERVERS) as ServerName[]
