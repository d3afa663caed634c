/**
 * The plain manifests are what the chart renders with its own values. `node --import tsx test-deploy/kubernetes.ts` writes them.
 * @module
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEPLOY, run, toolOf } from './tools.js'

export const CHART = join(DEPLOY, 'helm', 'holdfast')
export const MANIFESTS = join(DEPLOY, 'kubernetes', 'holdfast.yaml')

/** The versions of Kubernetes that the manifests are held against: the oldest that they can be for, and the newest. */
export const VERSIONS = ['1.30.0', '1.37.0'] as const

const HEAD = `# Holdfast on Kubernetes 1.30 or later: kubectl apply --filename deploy/kubernetes/
# Made from deploy/helm/holdfast by \`node --import tsx test-deploy/kubernetes.ts\`. Do not edit; lay a kustomization over it, or use the
# chart. docs/deployment.md says what is to be set.
`

/** @throws Error with what helm said */
export function render(args: readonly string[] = []): string {
  const { code, stdout, text } = run(toolOf('helm'), [
    'template',
    'holdfast',
    CHART,
    '--kube-version',
    VERSIONS[0],
    ...args,
  ])
  if (code !== 0) throw new Error(text)
  return stdout
}

/** Without what only means something to Helm. */
export function plainManifests(): string {
  const text = render()
    .replaceAll(/^# Source: .*\n/gm, '')
    .replaceAll(/^ *app\.kubernetes\.io\/managed-by: .*\n/gm, '')
  return HEAD + text
}

if (process.argv[1] === import.meta.filename) writeFileSync(MANIFESTS, plainManifests())
