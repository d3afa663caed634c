/**
 * Writes the pages of the site: docs/ as it is, README.md up to its list of features as the home page, and each file of
 * the repository that one of these links to as a page that shows it.
 * @module
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, extname, join, posix } from 'node:path'
import { placeOf, targetOf, withLinks } from './links.js'
import type { PageHead } from './sidebar.js'

export const ROOT = join(import.meta.dirname, '..')
export const CONTENT = join(import.meta.dirname, 'content')

const SEEDS = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs/decisions', 'examples']
/** Where the home page ends: what follows is about the repository, or in the sidebar. */
const END_OF_HOME = /^## What works today$/m
const LANGUAGES: Readonly<Record<string, string>> = { '.mjs': 'js', '.pml': 'c', '.yml': 'yaml', '.proto': 'proto' }

/** Characters. */
const MAX_COLOURED = 20_000

/** What git has below a folder, in order; and what is new there, unless it is ignored. */
const filesBelow = (folder: string): string[] =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--', folder], {
    cwd: ROOT,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((path) => path !== '' && existsSync(join(ROOT, path)))
    .sort()

/** Writes content/ anew, without the reference. */
export function writeContent(): void {
  rmSync(CONTENT, { recursive: true, force: true })
  const queue = [...SEEDS, ...filesBelow('docs')]
  const seen = new Set<string>()
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    if (seen.has(path)) continue
    seen.add(path)
    queue.push(...writePlace(path))
  }
}

/** @returns what the page links to */
function writePlace(path: string): string[] {
  const isFolder = statSync(join(ROOT, path)).isDirectory()
  const place = placeOf(path, isFolder)
  const target = join(CONTENT, place)
  mkdirSync(dirname(target), { recursive: true })
  if (!place.endsWith('.md')) {
    writeFileSync(target, readFileSync(join(ROOT, path)))
    return []
  }
  const linked: string[] = []
  const page = withLinks(pageOf(path, isFolder), (link) => {
    const { path: file, anchor } = targetOf(isFolder ? `${path}/index.md` : path, link)
    if (!existsSync(join(ROOT, file))) return link // The build fails at it, and says where it is.
    linked.push(file)
    const to = posix.relative(posix.dirname(place), placeOf(file, statSync(join(ROOT, file)).isDirectory()))
    return (to.startsWith('.') ? to : `./${to}`) + anchor
  })
  writeFileSync(target, page)
  return linked
}

function pageOf(path: string, isFolder: boolean): string {
  if (isFolder) return folderPage(path)
  const text = readFileSync(join(ROOT, path), 'utf8')
  if (path === 'README.md') return text.split(END_OF_HOME)[0] ?? text
  if (path.endsWith('.md')) return text
  // Colours are a tag for each word.
  const language = text.length > MAX_COLOURED ? 'txt' : (LANGUAGES[extname(path)] ?? extname(path).slice(1))
  return `---\nsearch: false\nsidebar: false\naside: false\n---\n\n# ${path}\n\n\`\`\`\`${language}\n${text.trimEnd()}\n\`\`\`\`\n`
}

function folderPage(path: string): string {
  const items = filesBelow(path).map((file) => `- [${titleOf(file)}](${posix.relative(path, file)})`)
  const title = basename(path)
  return `# ${title[0]?.toUpperCase()}${title.slice(1)}\n\n${items.join('\n')}\n`
}

/** The heading of a page; of another file its path. */
function titleOf(path: string): string {
  return path.endsWith('.md') ? headingOf(readFileSync(join(ROOT, path), 'utf8'), path) : path
}

const headingOf = (markdown: string, fallback: string): string =>
  /^# (.+)$/m.exec(markdown)?.[1]?.replaceAll(/[`*]/g, '') ?? fallback

/** All pages that were written, by their path without the ending. */
export function readHeads(): Map<string, PageHead> {
  const names = readdirSync(CONTENT, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'))
  return new Map(
    names.map((name) => {
      const markdown = readFileSync(join(CONTENT, name), 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '')
      const sections = [...markdown.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading!.replaceAll(/[`*]/g, ''))
      return [name.replace(/\.md$/, ''), { title: headingOf(markdown, name), sections }]
    }),
  )
}
