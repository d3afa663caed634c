/** deploy/helm and deploy/kubernetes: the chart by helm, what it renders by the schemas of Kubernetes. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../test/cli/command.js'
import { CHART, MANIFESTS, plainManifests, render, VERSIONS } from './kubernetes.js'
import { isChosen, type Ran, run, toolOf } from './tools.js'

/** Names of resources that are no resource of Kubernetes itself, and have no schema there. */
const FOREIGN = /^kind: (ServiceMonitor)$/m

const validate = (version: string, path: string): Ran =>
  run(toolOf('kubernetes-validate'), ['--strict', '-k', version, path])

const KINDS = [
  'ConfigMap',
  'Deployment',
  'Ingress',
  'NetworkPolicy',
  'PodDisruptionBudget',
  'Service',
  'ServiceAccount',
]

const kindsOf = (text: string): string[] => [...text.matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind!).sort()

if (isChosen('kubernetes')) {
  for (const version of VERSIONS) {
    test(`the manifests are valid for Kubernetes ${version}, strictly`, () => {
      const { code, text } = validate(version, MANIFESTS)
      assert.equal(code, 0, text)
      const passed = [...text.matchAll(/passed for resource (\w+)/g)].map(([, kind]) => kind).sort()
      assert.deepEqual(
        passed,
        KINDS.map((kind) => kind.toLowerCase()),
      )
    })
  }

  test('a field that Kubernetes does not know is found, and a value of another type', (context) => {
    const path = join(temporaryFolder(context), 'holdfast.yaml')
    const manifests = readFileSync(MANIFESTS, 'utf8')
    for (const [from, to] of [
      ['readOnlyRootFilesystem:', 'readOnlyRootFileSystem:'],
      ['replicas: 3', 'replicas: three'],
    ] as const) {
      assert.ok(manifests.includes(from))
      writeFileSync(path, manifests.replace(from, to))
      assert.notEqual(validate(VERSIONS[0], path).code, 0, to)
    }
  })
}

if (isChosen('helm')) {
  test('helm lint finds nothing in the chart', () => {
    const { code, text } = run(toolOf('helm'), ['lint', '--strict', '--kube-version', VERSIONS[0], CHART])
    assert.equal(code, 0, text)
    assert.doesNotMatch(text, /\[(WARNING|ERROR)\]/)
  })

  test('deploy/kubernetes is what the chart renders', () => {
    assert.equal(readFileSync(MANIFESTS, 'utf8'), plainManifests(), 'node --import tsx test-deploy/kubernetes.ts')
  })

  /** What is set, what of it must be found in what is rendered, and what must not. */
  const SETTINGS: [rule: string, set: readonly string[], has: readonly RegExp[], hasNot?: RegExp][] = [
    [
      'everything that can be left out is left out',
      ['ingress.enabled=false', 'networkPolicy.enabled=false', 'podDisruptionBudget.enabled=false', 'existingSecret='],
      [/^kind: Deployment$/m],
      /Ingress|NetworkPolicy|PodDisruptionBudget|secretRef/,
    ],
    [
      'options are variables, and large numbers are not rounded',
      ['options.max-size=1099511627776', 'options.s3-path-style=true', 'options.max-concat-parts=20000'],
      [/HOLDFAST_MAX_SIZE: "1099511627776"/, /HOLDFAST_S3_PATH_STYLE: "true"/, /HOLDFAST_MAX_CONCAT_PARTS: "20000"/],
    ],
    [
      'a pod has time for its end',
      ['stopping.preStop=7', 'stopping.shutdown=100'],
      [/terminationGracePeriodSeconds: 117$/m, /HOLDFAST_SHUTDOWN_TIMEOUT: "100s"/, /sleep:\s+seconds: 7$/m],
    ],
    [
      'a base path that is a URL gives its path to the ingress',
      ['options.base-path=https://uploads.example.com/up'],
      [/path: \/up$/m, /HOLDFAST_BASE_PATH: "https:\/\/uploads\.example\.com\/up"/],
    ],
    [
      'whatever can be added is added',
      [
        'serviceMonitor.enabled=true',
        'serviceMonitor.labels.release=prometheus',
        'imagePullSecrets={pull}',
        'serviceAccount.annotations.role=uploader',
        'service.annotations.a=b',
        'environment.AWS_REGION=eu-central-1',
        'nodeSelector.disk=fast',
        'tolerations[0].operator=Exists',
        'affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution=null',
        'image.tag=1.2.3',
        'networkPolicy.egressPorts={443,6379}',
      ],
      [
        /^kind: ServiceMonitor$/m,
        /HOLDFAST_METRICS_PORT: "9464"/,
        /- name: metrics\n {14}containerPort: 9464$/m,
        /- name: metrics\n {6}port: 9464$/m,
        /- port: metrics$/m,
        /path: \/metrics$/m,
        /release: prometheus/,
        /- name: pull/,
        /AWS_REGION/,
        /holdfast:1\.2\.3"/,
        /port: 6379/,
      ],
    ],
  ]
  for (const [rule, set, has, hasNot] of SETTINGS) {
    test(`the chart: ${rule}; and it is valid`, (context) => {
      const text = render(set.flatMap((value) => ['--set', value]))
      for (const pattern of has) assert.match(text, pattern)
      if (hasNot) assert.doesNotMatch(text, hasNot)
      const path = join(temporaryFolder(context), 'rendered.yaml')
      const known = text.split(/^---$/m).filter((document) => document.trim() !== '' && !FOREIGN.test(document))
      writeFileSync(path, known.join('---'))
      const validated = validate(VERSIONS[1], path)
      assert.equal(validated.code, 0, validated.text)
      assert.equal(validated.text.match(/passed for/g)?.length, kindsOf(known.join('')).length)
    })
  }

  for (const [what, set] of [
    ['a name that the chart does not have', 'replica=2'],
    ['no pod', 'replicas=0'],
    ['an option that the chart sets itself', 'options.port=8080'],
    ['an option that is no flag', 'options.S3_BUCKET=media'],
  ] as const) {
    test(`the chart's schema refuses ${what}`, () => assert.throws(() => render(['--set', set]), /schema/))
  }
}
