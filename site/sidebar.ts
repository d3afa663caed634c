/**
 * The order of the pages in the sidebar. A page that is named here and does not exist is left out; a page of docs/ that
 * is not named here fails a test. Pure.
 * @module
 */

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
  ['Move in', ['moving-in', 'migrating-from-tusd', 'migrating-from-tus-server']],
  ['Trust', ['security', 'security-policy', 'integrity', 'reliability', 'disk-reliability', 'performance']],
  ['Design', ['invariants', 'lifecycle-of-a-patch', 'concurrency', 'terms', 'decisions/index', 'models/README']],
  ['Project', ['contributing', 'changelog']],
]

export interface SidebarGroup {
  text: string
  collapsed: boolean
  items: { text: string; link: string }[]
}

/** @param titles the headings of the pages that exist, by their path in the site without the ending */
export function sidebarOf(titles: ReadonlyMap<string, string>): SidebarGroup[] {
  const groups = ORDER.map(([text, pages]) => ({ text, collapsed: false, items: itemsOf(pages, titles) }))
  const reference = [...titles.keys()].filter((page) => page.startsWith('reference/')).sort()
  groups.push({ text: 'API reference', collapsed: true, items: itemsOf(reference, titles) })
  return groups.filter(({ items }) => items.length > 0)
}

function itemsOf(pages: readonly string[], titles: ReadonlyMap<string, string>): SidebarGroup['items'] {
  return pages.flatMap((page) => {
    const text = titles.get(page)
    return text === undefined ? [] : [{ text, link: `/${page.replace(/(^|\/)index$/, '$1')}` }]
  })
}
