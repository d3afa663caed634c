import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { test } from 'node:test'

/** What each folder (or file) of src/ may import, besides itself. A new folder is a decision: write it here. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  index: ['errors', 'http', 'server', 'upload', 'store'],
  cli: [
    'server',
    'status',
    'http',
    's3',
    'disk',
    'lockers',
    'observe',
    'hooks',
    'upload',
    'store',
    'testing',
    'errors',
  ],
  server: ['http', 'protocol', 'upload', 'store', 'errors'],
  http: ['protocol', 'store', 'errors'],
  protocol: ['upload', 'store', 'errors'],
  upload: ['store', 'errors'],
  status: ['upload', 'store', 'errors'],
  s3: ['store', 'errors'],
  disk: ['store', 'errors'],
  lockers: ['store', 'errors'],
  observe: ['upload', 'store', 'errors'],
  hooks: ['upload', 'store', 'errors'],
  store: ['errors'],
  testing: ['store', 'errors'],
  errors: [],
}

/** No I/O, no clock, no stream: at run time these import only each other's pure code. */
const PURE = ['protocol', 'errors']

/** Packages that are as pure as that. */
const PURE_PACKAGES = ['node:buffer', 'structured-headers', 'content-disposition']

/** Type imports that cross a border which values must not: bodies for http/, the vocabulary for protocol/. */
const TYPES_ONLY: Record<string, readonly string[]> = {
  http: ['store'],
  protocol: ['upload', 'store'],
  hooks: ['upload', 'store'],
}

const root = join(import.meta.dirname, '..', 'src')
const layerOf = (path: string): string => path.split('/')[0]!.replace(/\.ts$/, '')

for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()) {
  if (!file.endsWith('.ts') || file.startsWith('ui/')) continue
  const layer = layerOf(file)
  test(`src/${file} imports downwards only`, () => {
    const allowed = MAY_IMPORT[layer]
    assert.ok(allowed, `src/${layer} is a new folder: say in MAY_IMPORT what it may import`)
    const text = readFileSync(join(root, file), 'utf8')
    for (const [, keyword, from] of text.matchAll(
      /^\s*(import type|import|export type|export)\b[^'"]*?from '([^']+)'/gms,
    )) {
      const isType = keyword!.endsWith('type')
      if (!from!.startsWith('.')) {
        const impure = PURE.includes(layer) && !isType && !PURE_PACKAGES.includes(from!)
        assert.ok(!impure, `${layer}/ is pure: no ${from} at run time`)
        continue
      }
      const target = layerOf(relative(root, normalize(join(root, dirname(file), from!.replace(/\.js$/, '.ts')))))
      if (target === layer) continue
      assert.ok(allowed.includes(target), `${layer} may not import ${target} (only ${allowed.join(', ') || 'nothing'})`)
      const typesOnly = TYPES_ONLY[layer]?.includes(target)
      assert.ok(!typesOnly || isType, `${layer} may import ${target} for its types alone`)
    }
  })
}
