/**
 * Which web origins an option names: one, all, those with anything in the place of a `*`, or those that a regular expression
 * matches as a whole. Pure.
 * @module
 */

/** Scheme, host and perhaps port, as browsers send them; a `*` stands for something in the host, or for any port. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9._*[\]:-]+$/i

/** Characters of an origin that is held against patterns; a host has at most 253. It bounds what a pattern can cost. */
const LONGEST = 300

/** Each multiplies by the length of an origin what a pattern can cost. */
const MOST_STARS = 2

/**
 * @returns the origin itself, `*`, or what matches the whole of those that are meant; undefined if it can be none, such as a
 *   URL with a path, which no browser sends
 */
export function readOrigin(text: string): string | RegExp | undefined {
  if (text === '*' || text === 'null') return text
  if (text.startsWith('/')) return readPattern(text)
  if (!ORIGIN.test(text) || text.split('*').length - 1 > MOST_STARS) return undefined
  // Browsers send both in lower case.
  const origin = text.toLowerCase()
  return origin.includes('*') ? wholeOf(origin.split('*').map(escaped).join('[a-z0-9.-]+')) : origin
}

function readPattern(text: string): RegExp | undefined {
  const inside = /^\/(.+)\/$/s.exec(text)?.[1]
  if (inside === undefined) return undefined
  try {
    // By itself: with the anchors around it, a parenthesis too many would be well-formed.
    return new RegExp(inside) && wholeOf(inside)
  } catch {
    return undefined
  }
}

/** Not anchored, a pattern for https://app.example would let in https://app.example.evil.test. */
const wholeOf = (pattern: string): RegExp => new RegExp(`^(?=.{0,${LONGEST}}$)(?:${pattern})$`)

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
