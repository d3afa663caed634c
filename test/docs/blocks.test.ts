import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { blocksOf, pages, placeOf, readPage } from './blocks/block.js'
import { compile } from './blocks/code.js'
import { CURL_IS_MISSING, usesCurl } from './blocks/commands.js'
import { openPlace, type Place } from './blocks/place.js'
import { check, isCode } from './blocks/rules.js'

// How blocks are written so that they can be checked is told in CONTRIBUTING.md.
const blocks = pages().map((page) => blocksOf(page, readPage(page)))
const project = compile(blocks.flat().filter(isCode))
after(() => project.remove())

describe('each block of code in the documentation', { concurrency: 4 }, () => {
  for (const ofPage of blocks.filter(({ length }) => length > 0)) {
    // One after the other: a block goes on with what those before it did.
    describe(ofPage[0]!.page, { concurrency: 1 }, () => {
      let opening: Promise<Place> | undefined
      const place = (): Promise<Place> => (opening ??= openPlace())
      after(async () => (await opening)?.close())
      for (const block of ofPage) {
        const kind = block.mark ? `${block.language}, ${block.mark.kind}` : block.language || 'plain'
        const skip = usesCurl(block) && CURL_IS_MISSING
        test(`${placeOf(block)} (${kind})`, { skip }, () => check(block, { place, project }))
      }
    })
  }
})

test('few blocks are marked as illustrations', () => {
  const all = blocks.flat()
  const marked = all.filter(({ mark }) => mark?.kind === 'illustration')
  assert.ok(marked.length <= all.length / 8, `${marked.length} of ${all.length} are: ${marked.map(placeOf).join(', ')}`)
})
