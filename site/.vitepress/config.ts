/**
 * VitePress over site/content/, which build.ts writes before. A link that leads nowhere fails the build.
 * @module
 */
import { readHeads } from '../content.js'
import { anchorOf } from '../links.js'
import { sidebarOf } from '../sidebar.js'

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
  vite: { build: { chunkSizeWarningLimit: 2_000 } },
  themeConfig: {
    sidebar: sidebarOf(readHeads()),
    outline: [2, 3],
    search: { provider: 'local' },
    nav: [
      { text: 'Start', link: '/getting-started' },
      { text: 'API reference', link: '/reference/' },
      { text: 'Changelog', link: '/changelog' },
    ],
  },
}
