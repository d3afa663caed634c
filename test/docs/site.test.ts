import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { anchorOf, placeOf, targetOf, withLinks } from '../../site/links.js'
import { ORDER, sidebarOf } from '../../site/sidebar.js'

const root = join(import.meta.dirname, '..', '..')
const ordered = ORDER.flatMap(([, pages]) => pages)

test('each page of docs/ has a place in the sidebar of the site, and none has two', () => {
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
  const absent = pages.map((name) => name.replace(/\.md$/, '')).filter((page) => !ordered.includes(page))
  assert.deepEqual(absent, [], 'add them to ORDER in site/sidebar.ts')
  assert.equal(new Set(ordered).size, ordered.length)
})

test('a page that is not there is left out of the sidebar, and a group without pages as well', () => {
  const pages = new Map([
    ['index', { title: 'Holdfast', sections: ['Upload'] }],
    ['doctor', { title: 'The doctor', sections: [] }],
    ['reference/holdfast/s3', { title: 'holdfast/s3', sections: [] }],
  ])
  assert.deepEqual(
    sidebarOf(pages).map(({ text, items }) => [text, items]),
    [
      ['Start', [{ text: 'Holdfast', link: '/' }]],
      ['Tools', [{ text: 'The doctor', link: '/doctor' }]],
      ['API reference', [{ text: 'holdfast/s3', link: '/reference/holdfast/s3' }]],
    ],
  )
})

test('the sections of a page that readers look into have links of their own', () => {
  const [group] = sidebarOf(new Map([['frameworks', { title: 'Frameworks', sections: ['Next.js', 'Hono'] }]]))
  const items = [
    { text: 'Next.js', link: '/frameworks#nextjs' },
    { text: 'Hono', link: '/frameworks#hono' },
  ]
  assert.deepEqual(group?.items, [{ text: 'Frameworks', link: '/frameworks', collapsed: true, items }])
})

for (const [path, isFolder, place] of [
  ['README.md', false, 'index.md'],
  ['docs/api.md', false, 'api.md'],
  ['docs/decisions', true, 'decisions/index.md'],
  ['docs/images/page.png', false, 'images/page.png'],
  ['examples/s3.ts', false, 'source/examples/s3.ts.md'],
  // Its links would be taken for those of a page 'app'.
  ['examples/a/app.html', false, 'source/examples/a/app-html.md'],
  ['examples', true, 'source/examples/index.md'],
  ['deploy/README.md', false, 'source/deploy/README.md'],
] as const) {
  test(`${path} is ${place} in the site`, () => assert.equal(placeOf(path, isFolder), place))
}

test('links are replaced, but not those in code, to elsewhere, or in the page itself', () => {
  const page = [
    '[a](a.md) ![b](b.png) [c](https://c.example/d.md) [d](#d) `[e](e.md)`',
    '```ts\n[f](f.md)\n```',
    '[g](g.md)',
  ].join('\n')
  const relinked = page.replace('(a.md)', '(A.MD)').replace('(b.png)', '(B.PNG)').replace('(g.md)', '(G.MD)')
  assert.equal(
    withLinks(page, (link) => link.toUpperCase()),
    relinked,
  )
})

test('a link leads to a file of the repository, and an anchor is kept', () => {
  assert.deepEqual(targetOf('docs/api.md', '../examples/s3.ts'), { path: 'examples/s3.ts', anchor: '' })
  assert.deepEqual(targetOf('docs/api.md', 'testing.md#faults'), { path: 'docs/testing.md', anchor: '#faults' })
  assert.deepEqual(targetOf('README.md', 'docs/decisions/'), { path: 'docs/decisions', anchor: '' })
})

test('the anchors of headings are those of GitHub', () => {
  assert.equal(anchorOf('`holdfast/s3`'), 'holdfasts3')
  assert.equal(anchorOf('TLS and HTTP/2, if need be'), 'tls-and-http2-if-need-be')
})
