/**
 * VitePress over site/content/, which build.ts writes before. A link that leads nowhere fails the build.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CONTENT, headingOf } from '../content.js'
import { anchorOf } from '../links.js'
import { sidebarOf } from '../sidebar.js'

const pages = readdirSync(CONTENT, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'))
const titles = new Map(
  pages.map((page) => [page.replace(/\.md$/, ''), headingOf(readFileSync(join(CONTENT, page), 'utf8'), page)]),
)

export default {
  title: 'Holdfast',
  description: 'Resumable uploads into S3 that never lose an acknowledged byte: a tus server and library.',
  lang: 'en',
  base: process.env.DOCS_BASE ?? '/',
  srcDir: 'content',
  outDir: 'dist',
  cacheDir: '.cache',
  metaChunk: true,
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  markdown: { anchor: { slugify: anchorOf } },
  // All chunks are read at once where pages are few.
  vite: { build: { chunkSizeWarningLimit: 2_000 } },
  themeConfig: {
    sidebar: sidebarOf(titles),
    outline: [2, 3],
    search: { provider: 'local' },
    nav: [
      { text: 'Start', link: '/getting-started' },
      { text: 'API reference', link: '/reference/' },
      { text: 'Changelog', link: '/changelog' },
    ],
  },
}
