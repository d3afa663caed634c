/**
 * Bar charts as SVG: groups of bars, one for each server, with the least and the greatest round as a line across. Text stays text;
 * the colours are those of the reader's light or dark setting. Pure.
 * @module
 */

export interface Bar {
  name: string
  colour: string
  value: number
  least: number
  greatest: number
  /** What stands behind the bar. */
  label: string
}

export interface Chart {
  title: string
  /** The unit, and which way is better. */
  subtitle: string
  groups: readonly { name: string; bars: readonly Bar[] }[]
}

const WIDTH = 760
const LEFT = 150
/** Room for the label of the longest bar. */
const RIGHT = 150
const [BAR, GAP, GROUP] = [16, 4, 34]
const HEAD = 64

const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.group { font-weight: 600 }
.muted { fill: #59636e }
.card { fill: #ffffff }
.whisker { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .muted { fill: #9198a1 }
  .card { fill: #0d1117 }
  .whisker { stroke: #e6edf3 }
}
`

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const round = (value: number): string => String(Math.round(value * 10) / 10)

export function barChart({ title, subtitle, groups }: Chart): string {
  const greatest = Math.max(...groups.flatMap(({ bars }) => bars.map((bar) => bar.greatest)))
  const scale = greatest > 0 ? (WIDTH - LEFT - RIGHT) / greatest : 0
  const lines: string[] = []
  let y = HEAD
  for (const { name, bars } of groups) {
    lines.push(`<text x="16" y="${y + 14}" class="group">${escaped(name)}</text>`)
    y += 22
    for (const bar of bars) {
      lines.push(...barAt(y, bar, scale))
      y += BAR + GAP
    }
    y += GROUP - 22
  }
  const height = y
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title subtitle">
<title id="title">${escaped(title)}</title>
<desc id="subtitle">${escaped(subtitle)}</desc>
<style>${STYLE}</style>
<rect class="card" width="${WIDTH}" height="${height}" rx="6"/>
<text class="title" x="16" y="28">${escaped(title)}</text>
<text class="muted" x="16" y="48">${escaped(subtitle)}</text>
${lines.join('\n')}
</svg>
`
}

function barAt(y: number, { name, colour, value, least, greatest, label }: Bar, scale: number): string[] {
  const middle = y + BAR / 2
  const end = LEFT + Math.max(value, greatest) * scale
  return [
    `<text class="muted" x="${LEFT - 8}" y="${y + 12.5}" text-anchor="end">${escaped(name)}</text>`,
    `<rect x="${LEFT}" y="${y}" width="${round(value * scale)}" height="${BAR}" fill="${colour}"/>`,
    ...(greatest > least
      ? [
          `<line class="whisker" x1="${round(LEFT + least * scale)}" x2="${round(LEFT + greatest * scale)}" y1="${middle}" y2="${middle}"/>`,
        ]
      : []),
    `<text x="${round(end + 8)}" y="${y + 12.5}">${escaped(label)}</text>`,
  ]
}
