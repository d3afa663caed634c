/**
 * Code blocks of the documentation: where they are, what they claim to be, and how a page marks an exception.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..', '..', '..')

/**
 * `<!-- block: … -->` in the line above a block. `illustration`: nothing can check it, because of what is said there.
 * `run by FILE`: that test runs it. `answers STATUS`: what its commands or its requests are refused with.
 */
export type Mark =
  | { kind: 'illustration'; because: string }
  | { kind: 'run by'; file: string }
  | { kind: 'answers'; status: number }

export interface Block {
  /** Relative to the root. */
  readonly page: string
  /** Of its first line of content, from 1. */
  readonly line: number
  /** What follows the backquotes, in lower case; '' for nothing. */
  readonly language: string
  /** Without the indentation of its fence. */
  readonly text: string
  readonly mark: Mark | undefined
}

/** 'docs/api.md:12' */
export const placeOf = ({ page, line }: Block): string => `${page}:${line}`

export const pages = (): string[] => [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
    .sort(),
]

export const readPage = (page: string): string => readFileSync(join(ROOT, page), 'utf8')

const FENCE = /^( *)(`{3,})([^\n`]*)\n([\s\S]*?)^\1\2`*$/gm
const MARK = /<!-- block: ([^\n]*?) -->\s*$/

/** @throws Error for a mark that means nothing */
export function blocksOf(page: string, markdown: string): Block[] {
  return [...markdown.matchAll(FENCE)].map((match) => {
    const [, indent, , info, content] = match as unknown as [string, string, string, string, string]
    const before = markdown.slice(0, match.index)
    const line = before.split('\n').length + 1
    const text = content.replaceAll(new RegExp(`^ {0,${indent.length}}`, 'gm'), '')
    const language = info.trim().split(/[\s{]/)[0]!.toLowerCase()
    return { page, line, language, text, mark: markOf(MARK.exec(before)?.[1], `${page}:${line}`) }
  })
}

function markOf(text: string | undefined, place: string): Mark | undefined {
  if (text === undefined) return undefined
  const [, because] = /^illustration, because (.+)$/.exec(text) ?? []
  if (because !== undefined) return { kind: 'illustration', because }
  const [, file] = /^run by ([^\s,]+)(?:, .+)?$/.exec(text) ?? []
  if (file !== undefined) return { kind: 'run by', file }
  const [, status] = /^answers (\d{3})$/.exec(text) ?? []
  if (status !== undefined) return { kind: 'answers', status: Number(status) }
  throw new Error(
    `${place}: a mark is '<!-- block: illustration, because … -->', '<!-- block: run by test/… -->' or '<!-- block: answers 409 -->', not '${text}'`,
  )
}
