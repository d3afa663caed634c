/** The files of deploy/ against the command's options and limits, and against each other. `npm run test:deploy` runs them. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { rowsOf } from '../../src/cli/options.js'
import { readOptions, variableOf } from '../../src/cli/read-options.js'
import { DEFAULTS } from '../../src/s3/options.js'

const root = join(import.meta.dirname, '..', '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const FILES = readdirSync(join(root, 'deploy'), { recursive: true, encoding: 'utf8' })
  .map((name) => `deploy/${name}`)
  .filter((path) => statSync(join(root, path)).isFile())

const OPTIONS = Object.keys({ ...rowsOf('serve'), ...rowsOf('sweep') })

/** Variables of the proxies' files, which are none of the command's. */
const OF_PROXIES = /^HOLDFAST_(BIND|CERTIFICATE|NODE_\d|SITE|SITE_OPTIONS|NODES)$/

/** Seconds of '20s' or '12h'. */
const seconds = (text: string | undefined): number => {
  const [, count, unit] = /^(\d+)(s|m|h)$/.exec(text ?? '') ?? assert.fail(`${text} is no time`)
  return Number(count) * { s: 1, m: 60, h: 3600 }[unit as 's' | 'm' | 'h']
}
/** What the pattern's group finds in a file. */
const found = (path: string, pattern: RegExp): string =>
  pattern.exec(read(path))?.[1] ?? assert.fail(`${path} has no ${pattern}`)

const usual = readOptions('serve', {}, {})

test('deploy/: each variable of Holdfast is one of the command', () => {
  const known = OPTIONS.map(variableOf)
  for (const path of FILES) {
    for (const [name] of read(path).matchAll(/\bHOLDFAST_[A-Z0-9_]*[A-Z0-9]\b/g)) {
      assert.ok(known.includes(name.replace(/_FILE$/, '')) || OF_PROXIES.test(name), `${path} has ${name}`)
    }
  }
})

test('deploy/: each option that is named is one of the command', () => {
  // Those of the programs that the files themselves call.
  const others = [
    'file',
    'tag',
    'build',
    'wait',
    'now',
    'omit',
    'no-audit',
    'no-fund',
    'eval',
    'input-type',
    'filename',
  ]
  others.push('import', 'interval', 'timeout', 'start-period', 'retries', 'from')
  for (const path of FILES) {
    for (const [, name] of read(path).matchAll(/(?<![\w-])--([a-z][a-z0-9-]+)/g)) {
      assert.ok(OPTIONS.includes(name!) || others.includes(name!), `${path} has --${name}`)
    }
  }
})

test('deploy/helm: each option of its values is one of the command', () => {
  const block = found('deploy/helm/holdfast/values.yaml', /^options:\n((?: {2}.*\n)+)/m)
  const names = [...block.matchAll(/^ {2}([\w-]+):/gm)].map(([, name]) => name!)
  assert.ok(names.length > 2)
  for (const name of names) assert.ok(OPTIONS.includes(name), name)
})

test('deploy/helm: its schema has each of its values, and no other', () => {
  const values = [...read('deploy/helm/holdfast/values.yaml').matchAll(/^(\w+):/gm)].map(([, name]) => name)
  const { properties } = JSON.parse(read('deploy/helm/holdfast/values.schema.json')) as { properties: object }
  assert.deepEqual(
    Object.keys(properties).filter((name) => name !== 'global'),
    values,
  )
})

test('deploy/helm: the version of the image is that of the package', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string }
  assert.equal(found('deploy/helm/holdfast/Chart.yaml', /^appVersion: (\S+)$/m), version)
})

test('deploy/: whoever ends Holdfast gives it longer than it gives its requests', () => {
  const rows: [what: string, given: number, needed: string][] = [
    [
      'systemd',
      seconds(found('deploy/systemd/holdfast.service', /^TimeoutStopSec=(\S+)$/m)),
      found('deploy/systemd/holdfast.env', /^HOLDFAST_SHUTDOWN_TIMEOUT=(\S+)$/m),
    ],
    [
      'Compose',
      seconds(found('deploy/compose/compose.yaml', /stop_grace_period: (\S+)$/m)),
      found('deploy/compose/compose.yaml', /HOLDFAST_SHUTDOWN_TIMEOUT: (\S+)$/m),
    ],
    [
      'Kubernetes',
      Number(found('deploy/kubernetes/holdfast.yaml', /terminationGracePeriodSeconds: (\d+)$/m)) -
        Number(found('deploy/kubernetes/holdfast.yaml', /sleep:\s+seconds: (\d+)$/m)),
      found('deploy/kubernetes/holdfast.yaml', /HOLDFAST_SHUTDOWN_TIMEOUT: "(\S+)"$/m),
    ],
  ]
  for (const [what, given, needed] of rows) assert.ok(given >= seconds(needed) + 5, `${what}: ${given} s for ${needed}`)
  // Where nothing sets it.
  assert.ok(usual.shutdownTimeout <= 20_000)
})

const PROXIES: [path: string, body: RegExp | undefined, answer: RegExp][] = [
  ['deploy/nginx/holdfast.conf', /client_body_timeout (\S+);/, /proxy_read_timeout (\S+);/],
  ['deploy/haproxy/haproxy.cfg', /timeout client (\S+)$/m, /timeout server (\S+)$/m],
  // Caddy has no such limit of its own.
  ['deploy/caddy/Caddyfile', undefined, /response_header_timeout (\S+)$/m],
]
for (const [path, body, answer] of PROXIES) {
  test(`${path}: the proxy is more patient than Holdfast`, () => {
    if (body) assert.ok(seconds(found(path, body)) * 1000 > usual.idleTimeout)
    assert.ok(seconds(found(path, answer)) * 1000 > DEFAULTS.completeTimeout)
  })
}

test('deploy/nginx and deploy/caddy: idle connections are closed before the node closes them', () => {
  const node = Number(/keepAliveTimeout: ([\d_]+)/.exec(read('src/cli/listen.ts'))![1]!.replaceAll('_', '')) / 1000
  assert.ok(seconds(found('deploy/nginx/holdfast.conf', /^ +keepalive_timeout (\S+);/m)) < node)
  assert.ok(seconds(found('deploy/caddy/Caddyfile', /^\s+keepalive (\S+)$/m)) < node)
})

test('deploy/systemd: the service runs the command where npm puts it', () => {
  const { name, bin } = JSON.parse(read('package.json')) as { name: string; bin: { holdfast: string } }
  for (const [unit, command] of [
    ['holdfast', 'serve'],
    ['holdfast-sweep', 'sweep'],
  ]) {
    const line = found(`deploy/systemd/${unit}.service`, /^ExecStart=(.*)$/m)
    assert.equal(line, `/usr/bin/node /opt/holdfast/node_modules/${name}/${bin.holdfast} ${command}`)
  }
})

test('deploy/systemd: the sweep has the rights of the service', () => {
  const rights = (unit: string): string =>
    found(`deploy/systemd/${unit}.service`, /^(# It needs the network[\s\S]*?SystemCallErrorNumber=EPERM\n)/m)
  assert.equal(rights('holdfast-sweep'), rights('holdfast'))
})

test('deploy/systemd/holdfast.env is what the command takes', () => {
  const lines = [...read('deploy/systemd/holdfast.env').matchAll(/^#? ?(HOLDFAST_\w+)=(.*)$/gm)]
  const options = readOptions('serve', {}, Object.fromEntries(lines.map(([, name, value]) => [name, value])))
  assert.equal(options.s3Bucket, 'uploads')
})
