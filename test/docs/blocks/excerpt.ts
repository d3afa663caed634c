/**
 * Whether a block shows what a file of the repository has: all of it, or lines that follow each other there, but for
 * comments. A line of nothing but `…` (after a comment sign) stands for lines that are left out.
 * @module
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './block.js'

/** Folders whose files are run by tests, or checked by them. */
const SHOWN = ['examples', 'deploy', 'src', 'test-clients', 'test-frameworks', 'test-deploy', 'test-proxies']
const MAX_BYTES = 200_000

let files: { path: string; lines: string[] }[] | undefined

function shownFiles(): { path: string; lines: string[] }[] {
  files ??= SHOWN.filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap(filesBelow)
    .map((path) => ({ path, lines: linesOf(readFileSync(join(ROOT, path), 'utf8')) }))
  return files
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesBelow(path)
    return statSync(join(ROOT, path)).size < MAX_BYTES && entry.name !== 'package-lock.json' ? [path] : []
  })
}

const GAP = /^\s*(#|\/\/|--|;|<!--)?\s*…\s*(-->)?$/

/** Comments and empty lines may be in one and not in the other. */
const linesOf = (text: string): string[] =>
  text.split('\n').filter((line) => GAP.test(line) || !/^\s*(\/\/.*|#(?!!).*)?$/.test(line))

/** @returns the path of a file that has these lines; undefined if none has */
export function fileThatHas(text: string): string | undefined {
  const pieces: string[][] = [[]]
  for (const line of dedented(linesOf(text))) {
    if (GAP.test(line)) pieces.push([])
    else pieces.at(-1)!.push(line)
  }
  return shownFiles().find(({ lines }) => hasInOrder(lines, pieces))?.path
}

/** @returns the path of a file below the folder that has this text */
export const fileThatIncludes = (folder: string, text: string): string | undefined =>
  filesBelow(folder).find((path) => readFileSync(join(ROOT, path), 'utf8').includes(text))

function hasInOrder(lines: readonly string[], pieces: readonly string[][]): boolean {
  let from = 0
  for (const piece of pieces) {
    const at = find(lines, piece, from)
    if (at === undefined) return false
    from = at + piece.length
  }
  return true
}

function find(lines: readonly string[], piece: readonly string[], from: number): number | undefined {
  for (let at = from; at + piece.length <= lines.length; at++) {
    const there = lines.slice(at, at + piece.length)
    // The indentation of the first line is where the excerpt begins; all others have at least so much.
    if (there[0]?.trimStart() !== piece[0]?.trimStart()) continue
    if (dedented(there).every((line, index) => line === dedented(piece)[index])) return at
  }
  return undefined
}

function dedented(lines: readonly string[]): string[] {
  const indents = lines.filter((line) => line.trim() !== '').map((line) => /^\s*/.exec(line)![0].length)
  const least = Math.min(...indents, Number.MAX_SAFE_INTEGER)
  return lines.map((line) => line.slice(least).trimEnd())
}
