import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { childrenOf, document, element, parseXml, textOf } from '../../../src/testing/bucket/xml.js'

describe('reading XML', () => {
  it('gives elements and their text, with entities, references and CDATA resolved', () => {
    const root = parseXml(
      '<?xml version="1.0"?>\n<!-- <no> --><Delete xmlns="x"><Object><Key>a &amp; &lt;b&gt; &#233;&#x1F600;</Key></Object><s:Object a="1"><Key><![CDATA[<c>]]></Key></s:Object><Empty/></Delete>',
    )!
    const keys = childrenOf(root, 'Object').map((object) => textOf(object, 'Key'))
    assert.deepEqual([root.name, keys, textOf(root, 'Empty')], ['Delete', ['a & <b> é😀', '<c>'], ''])
  })

  for (const malformed of [
    '',
    'text',
    '<a>',
    '</a>',
    '<a></b>',
    '<a/><b/>',
    '<a>&unknown;</a>',
    '<a>&</a>',
    '<a><</a>',
    '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    `${'<a>'.repeat(100)}${'</a>'.repeat(100)}`,
  ]) {
    it(`refuses ${malformed.slice(0, 40) || 'nothing'}`, () => {
      assert.equal(parseXml(malformed), undefined)
    })
  }
})

describe('writing XML', () => {
  it('is read again as it was, control characters included', () => {
    const text = 'a<b>&"\'\r\n\x01 é😀'
    const written = document('Root', [element('Key', text), element('Absent', undefined), element('Count', 0)])
    const root = parseXml(written)!
    assert.equal(textOf(root, 'Key'), text)
    assert.equal(textOf(root, 'Absent'), undefined)
    assert.equal(textOf(root, 'Count'), '0')
  })
})
