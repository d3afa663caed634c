/**
 * The order of the pages in the sidebar. A page that is named here and does not exist is left out; a page of docs/ that
 * is not named here fails a test. Pure.
 * @module
 */
import { anchorOf } from './links.js'

/** A group's heading, and its pages: files of docs/ without their ending, or of the site itself. */
export const ORDER: readonly (readonly [heading: string, pages: readonly string[]])[] = [
  ['Start', ['index', 'five-minutes', 'getting-started', 'comparison', 'clients', 'source/examples/index']],
  [
    'Run',
    [
      'deployment',
      'configuration',
      'operations',
      'workers',
      'http2',
      'expiration',
      'metrics',
      'observability',
      'status-page',
      'errors',
    ],
  ],
  ['Tools', ['tools', 'doctor']],
  ['Providers', ['providers', 'locking', 'objects', 'objects-in-the-bucket']],
  ['Build', ['frameworks', 'api', 'hooks', 'access', 'limits', 'testing', 'writing-a-store']],
  ['Protocols', ['rufh', 'concatenation', 'conformance']],
  ['Move in', ['moving-in', 'migrating-from-tusd', 'migrating-from-tus-node-server']],
  ['Trust', ['security', 'security-policy', 'integrity', 'reliability', 'disk-reliability', 'performance']],
  ['Design', ['invariants', 'lifecycle-of-a-patch', 'concurrency', 'terms', 'decisions/index', 'models/README']],
  ['Project', ['contributing', 'changelog']],
]

/** Pages whose sections are in the sidebar, too: readers look for one of them. */
const WITH_SECTIONS = new Set(['providers', 'frameworks', 'deployment', 'tools'])

/** What the sidebar wants to know of a page. */
export interface PageHead {
  title: string
  sections: readonly string[]
}

export interface SidebarItem {
  text: string
  link?: string
  collapsed?: boolean
  items?: SidebarItem[]
}

/** @param pages those that exist, by their path in the site without the ending */
export function sidebarOf(pages: ReadonlyMap<string, PageHead>): SidebarItem[] {
  const reference = [...pages.keys()].filter((page) => page.startsWith('reference/')).sort()
  const groups = [...ORDER, ['API reference', reference] as const].map(([text, names]) => ({
    text,
    collapsed: names === reference,
    items: names.flatMap((name) => itemOf(name, pages.get(name)) ?? []),
  }))
  return groups.filter(({ items }) => items.length > 0)
}

function itemOf(name: string, page: PageHead | undefined): SidebarItem | undefined {
  if (!page) return undefined
  const link = `/${name.replace(/(^|\/)index$/, '$1')}`
  if (!WITH_SECTIONS.has(name) || page.sections.length === 0) return { text: page.title, link }
  const items = page.sections.map((text) => ({ text, link: `${link}#${anchorOf(text)}` }))
  return { text: page.title, link, collapsed: true, items }
}
