/**
 * The proxies of deploy/ as processes: each runs the file that is shipped, with addresses of its own by the way that file
 * has for them.
 * @module
 */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { afterwards } from '../test/cli/command.js'
import { makeCertificate } from '../test/support/certificate.js'
import { freePorts, openWorkspace } from '../test-providers/servers/process.js'
import { DEPLOY, type Tool, toolOf } from './tools.js'

export interface Addresses {
  /** host:port to listen on. */
  readonly listen: string
  /** host:port of each node. */
  readonly nodes: readonly string[]
  /** Files with certificate, key, and both. */
  readonly certificate: { readonly cert: string; readonly key: string; readonly pem: string }
}

interface Plan {
  readonly args: readonly string[]
  readonly env?: Record<string, string>
}

export interface Front {
  /** https://127.0.0.1:port */
  readonly origin: string
  readonly url: string
  /** PEM of the certificate that clients must trust. */
  readonly ca: string
}

/** The shipped holdfast.conf, inside a main file as a distribution has one. `own` lays what is the operator's beside it. */
export function nginxMain(folder: string, own: Record<string, string>): string {
  mkdirSync(join(folder, 'holdfast'), { recursive: true })
  for (const [name, text] of Object.entries(own)) writeFileSync(join(folder, 'holdfast', name), text)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  const path = join(folder, 'nginx.conf')
  writeFileSync(
    path,
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
     events { worker_connections 256; }
     http { access_log off; ${temporary.join(' ')} include ${join(DEPLOY, 'nginx', 'holdfast.conf')}; }`,
  )
  return path
}

const PLANS = {
  nginx(folder, { listen, nodes, certificate }) {
    const path = nginxMain(folder, {
      'nodes.conf': nodes.map((node) => `server ${node} max_fails=1 fail_timeout=2s;\n`).join(''),
      'listen.conf': `listen ${listen} ssl http2; ssl_certificate ${certificate.cert}; ssl_certificate_key ${certificate.key};`,
    })
    return { args: ['-p', folder, '-c', path, '-e', join(folder, 'error.log')] }
  },
  haproxy: (_, { listen, nodes, certificate }) => ({
    args: ['-db', '-f', join(DEPLOY, 'haproxy', 'haproxy.cfg')],
    env: {
      HOLDFAST_BIND: listen,
      HOLDFAST_CERTIFICATE: certificate.pem,
      ...Object.fromEntries([0, 1, 2].map((at) => [`HOLDFAST_NODE_${at + 1}`, nodes[at % nodes.length]!])),
    },
  }),
  caddy: (folder, { listen, nodes, certificate }) => ({
    args: ['run', '--config', join(DEPLOY, 'caddy', 'Caddyfile'), '--adapter', 'caddyfile'],
    env: {
      HOLDFAST_SITE: `https://${listen}`,
      HOLDFAST_SITE_OPTIONS: `tls ${certificate.cert} ${certificate.key}`,
      HOLDFAST_NODES: nodes.join(' '),
      // Where it keeps what it makes; its own endpoint would have a fixed port.
      HOME: folder,
      XDG_CONFIG_HOME: folder,
      XDG_DATA_HOME: folder,
      CADDY_ADMIN: `unix/${join(folder, 'admin')}`,
    },
  }),
} as const satisfies Partial<Record<Tool, (folder: string, addresses: Addresses) => Plan>>

export type FrontName = keyof typeof PLANS
export const FRONT_NAMES = Object.keys(PLANS) as FrontName[]

/** A certificate for 127.0.0.1, as files. */
export function certificateIn(folder: string): Addresses['certificate'] & { ca: string } {
  const { cert, key } = makeCertificate('uploads.example.com')
  const paths = { cert: join(folder, 'fullchain.pem'), key: join(folder, 'privkey.pem'), pem: join(folder, 'both.pem') }
  writeFileSync(paths.cert, cert)
  writeFileSync(paths.key, key)
  writeFileSync(paths.pem, cert + key)
  return { ...paths, ca: cert }
}

/** Starts one in front of the nodes; it ends with the test. */
export async function startFront(
  context: Pick<TestContext, 'after'>,
  name: FrontName,
  nodes: readonly string[],
): Promise<Front> {
  const program = toolOf(name)
  const workspace = await openWorkspace(name)
  afterwards(context, () => workspace.close())
  const [port] = (await freePorts(1)) as [number]
  const certificate = certificateIn(workspace.folder)
  const plan: Plan = PLANS[name](workspace.folder, { listen: `127.0.0.1:${port}`, nodes, certificate })
  workspace.start({ program, args: plan.args, env: plan.env ?? {} })
  await workspace.until(() => connects(port), 20_000)
  const origin = `https://127.0.0.1:${port}`
  return { origin, url: `${origin}/files/`, ca: certificate.ca }
}

function connects(port: number): Promise<boolean> {
  assert.ok(port > 0)
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    const tell = (isUp: boolean) => () => {
      socket.destroy()
      resolve(isUp)
    }
    socket.once('connect', tell(true)).once('error', tell(false))
  })
}
