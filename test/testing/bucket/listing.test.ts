import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pickPage } from '../../../src/testing/bucket/listing.js'
import { compareKeys, SortedMap } from '../../../src/testing/bucket/sorted-map.js'

describe('the order of keys', () => {
  it('is that of their UTF-8 bytes', () => {
    const keys = [
      '',
      'a',
      'a\0',
      'a!',
      'a/',
      'aa',
      'é',
      '\ud7ff',
      '\ue000',
      '\uffff',
      '\u{10000}',
      '\u{10ffff}',
      'a\u{10000}',
      'a\uffff',
    ]
    const byBytes = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    assert.deepEqual(keys.toSorted(compareKeys), byBytes)
  })

  it('is kept by a sorted map through insertion, replacement and removal', () => {
    const map = new SortedMap<{ key: string; n: number }>()
    for (const [n, key] of ['b', 'a', 'c', 'a', 'd'].entries()) map.set({ key, n })
    map.delete('c')
    map.delete('never there')
    assert.deepEqual(map.items, [
      { key: 'a', n: 3 },
      { key: 'b', n: 0 },
      { key: 'd', n: 4 },
    ])
  })
})

describe('pages', () => {
  const items = ['a', 'a/1', 'a/2', 'b/1', 'b/2/x', 'b/2/y', 'c'].map((key) => ({ key }))

  /** All pages in a row. */
  function collect(prefix: string, delimiter: string, max: number): string[] {
    const seen: string[] = []
    let marker = ''
    for (;;) {
      const page = pickPage(items, { prefix, delimiter, max }, ({ key }) => compareKeys(key, marker) > 0, marker)
      const names = [...page.items.map(({ key }) => key), ...page.commonPrefixes].toSorted(compareKeys)
      assert.ok(names.length <= max)
      seen.push(...names)
      if (page.next === undefined) return seen
      marker = typeof page.next === 'string' ? page.next : page.next.key
    }
  }

  for (const max of [1, 2, 3, 100]) {
    it(`give everything once with ${max} on a page`, () => {
      assert.deepEqual(
        collect('', '', max),
        items.map(({ key }) => key),
      )
      assert.deepEqual(collect('', '/', max), ['a', 'a/', 'b/', 'c'])
      assert.deepEqual(collect('b/', '/', max), ['b/1', 'b/2/'])
      assert.deepEqual(collect('a/', '', max), ['a/1', 'a/2'])
      assert.deepEqual(collect('nothing', '/', max), [])
    })
  }

  it('say that there is no more when the last entry fits', () => {
    assert.equal(pickPage(items, { prefix: 'b/', delimiter: '/', max: 2 }, () => true).next, undefined)
  })
})
