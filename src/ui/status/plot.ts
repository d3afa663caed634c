/**
 * Curves over the last five minutes, as SVG.
 * @module
 */

const SPAN = 300
const [WIDTH, HEIGHT] = [600, 120]

export interface Curve {
  readonly className: string
  /** Value of each second that has one, by seconds since the epoch. */
  readonly points: ReadonlyMap<number, number>
  readonly isArea?: boolean
  /** A second without a value has none, instead of 0. */
  readonly hasGaps?: boolean
}

/**
 * @param now seconds since the epoch
 * @param marks seconds in which something went wrong
 * @returns the largest value, at the top of the plot
 */
export function plot(svg: Element, now: number, curves: readonly Curve[], marks: readonly number[] = []): number {
  const first = now - SPAN
  const most = Math.max(0, ...curves.flatMap(({ points }) => [...points.values()]))
  const x = (at: number): number => ((at - first) / SPAN) * WIDTH
  const y = (value: number): number => HEIGHT - (value / (most || 1)) * (HEIGHT - 4)
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`)
  svg.setAttribute('preserveAspectRatio', 'none')
  svg.replaceChildren(
    ...curves.flatMap((curve) => pathsOf(curve, first, now, x, y)),
    ...marks.filter((at) => at > first).map((at) => make('circle', { class: 'bad', cx: x(at), cy: HEIGHT - 3, r: 3 })),
    make('line', { class: 'axis', x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
  )
  return most
}

function pathsOf(
  { className, points, isArea, hasGaps }: Curve,
  first: number,
  now: number,
  x: (at: number) => number,
  y: (value: number) => number,
): SVGElement[] {
  const at = Array.from({ length: SPAN }, (_, index) => first + 1 + index).filter((second) => second < now)
  const drawn = hasGaps ? at.filter((second) => points.has(second)) : at
  if (drawn.length === 0) return []
  const line = drawn.map((second) => `${x(second).toFixed(1)},${y(points.get(second) ?? 0).toFixed(1)}`).join(' L')
  const curve = make('path', { class: className, d: `M${line}` })
  if (!isArea) return [curve]
  const area = `M${x(drawn[0]!)},${HEIGHT} L${line} L${x(drawn.at(-1)!)},${HEIGHT} Z`
  return [make('path', { class: 'area', d: area }), curve]
}

function make(name: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value))
  return made
}
