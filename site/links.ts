/**
 * Where each file of the repository is in the site, and how links between them are written there. Pure.
 * @module
 */
import { posix } from 'node:path'

const RENAMED: Readonly<Record<string, string>> = {
  'README.md': 'index.md',
  'CHANGELOG.md': 'changelog.md',
  'CONTRIBUTING.md': 'contributing.md',
  'SECURITY.md': 'security-policy.md',
}

/** Files that a page may show; what docs/ has is copied. */
const ASSET = /\.(png|svg|jpg|webp|gif|pml)$/

/**
 * @param path of a file or folder in the repository
 * @returns the file of the site that shows it
 */
export function placeOf(path: string, isFolder: boolean): string {
  const inSite = RENAMED[path] ?? (path.startsWith('docs/') ? path.slice('docs/'.length) : `source/${path}`)
  if (isFolder) return `${inSite}/index.md`
  return inSite.endsWith('.md') || (path.startsWith('docs/') && ASSET.test(path))
    ? inSite
    : `${inSite.replace(/\.html$/, '-html')}.md`
}

const CODE = /^( *)(`{3,}|~{3,})[^\n]*\n[\s\S]*?^\1\2|`[^`\n]+`/gm
const LINK = /\]\(([^)\s]+)\)/g

/** A page with its relative links replaced; code stays as it is. */
export function withLinks(markdown: string, replace: (target: string) => string): string {
  const relink = (text: string): string =>
    text.replaceAll(LINK, (whole, target: string) => (/^([a-z]+:|#)/.test(target) ? whole : `](${replace(target)})`))
  let end = 0
  let result = ''
  for (const match of markdown.matchAll(CODE)) {
    result += relink(markdown.slice(end, match.index)) + match[0]
    end = match.index + match[0].length
  }
  return result + relink(markdown.slice(end))
}

/** The file or folder of the repository that a link leads to, and the anchor in it. */
export function targetOf(page: string, link: string): { path: string; anchor: string } {
  const [file = '', anchor = ''] = link.split('#')
  const path = posix.join(posix.dirname(page), file).replace(/\/$/, '')
  return { path, anchor: anchor && `#${anchor}` }
}

/** The anchor of a heading, as GitHub makes it: links work there and here. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
