/**
 * The little XML that S3 speaks: a reader for request bodies and a writer for answers. No attributes are kept, no
 * entities beyond XML's own five and character references are known, and a DOCTYPE is refused.
 * @module
 */

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'
const MAX_DEPTH = 32
const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

export interface XmlNode {
  readonly name: string
  readonly children: readonly XmlNode[]
  /** Text directly inside, entities resolved. */
  readonly text: string
}

/** A rendered piece of XML, told apart from text that still needs escaping. */
export interface Xml {
  readonly xml: string
}

export function escapeXml(text: string): string {
  // Control characters are legal in keys and not in XML 1.0; S3 writes them as character references all the same.
  return text.replace(/[&<>"\x00-\x1f]/g, (character) => {
    const name = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot' }[character]
    return name === undefined ? `&#x${character.charCodeAt(0).toString(16).toUpperCase()};` : `&${name};`
  })
}

/** One element. Undefined content leaves it out. */
export function element(name: string, content: string | number | boolean | readonly Xml[] | undefined): Xml {
  if (content === undefined) return { xml: '' }
  const inner = Array.isArray(content) ? content.map((child) => child.xml).join('') : escapeXml(String(content))
  return { xml: `<${name}>${inner}</${name}>` }
}

export function document(root: string, children: readonly Xml[], options: { namespace?: boolean } = {}): string {
  const opening = options.namespace === false ? root : `${root} xmlns="${NAMESPACE}"`
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${opening}>${children.map((child) => child.xml).join('')}</${root}>`
}

interface Open {
  name: string
  children: XmlNode[]
  text: string
}

/** Reads a document. @returns its root, or undefined if it is not well-formed. */
export function parseXml(source: string): XmlNode | undefined {
  const stack: Open[] = [{ name: '', children: [], text: '' }]
  const tokens =
    /<\?[\s\S]*?\?>|<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([^\s/><!?]+)(?:\s[^<>]*?)?(\/?)>|([^<]+)|</g
  for (const [token, cdata, slash, name, selfClosing, text] of source.trim().matchAll(tokens)) {
    if (token === '<') return undefined
    const top = stack.at(-1)!
    if (cdata !== undefined) top.text += cdata
    else if (text !== undefined) {
      const resolved = resolveEntities(text)
      if (resolved === undefined) return undefined
      top.text += resolved
    } else if (name !== undefined && !move(stack, localName(name), slash === '/', selfClosing === '/')) return undefined
  }
  const [root] = stack
  const wellFormed = stack.length === 1 && root!.children.length === 1 && root!.text.trim() === ''
  return wellFormed ? root!.children[0] : undefined
}

/** Enters or leaves an element. @returns whether that was allowed here. */
function move(stack: Open[], name: string, closes: boolean, selfCloses: boolean): boolean {
  if (!closes) {
    const node: Open = { name, children: [], text: '' }
    stack.at(-1)!.children.push(node)
    if (!selfCloses) stack.push(node)
    return stack.length <= MAX_DEPTH
  }
  if (selfCloses || stack.length === 1 || stack.at(-1)!.name !== name) return false
  stack.pop()
  return true
}

const localName = (name: string) => name.slice(name.indexOf(':') + 1)

function resolveEntities(text: string): string | undefined {
  if (!text.includes('&')) return text
  let valid = true
  const resolved = text.replace(/&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(\w+));|&/g, (_, hex, decimal, name) => {
    const code = hex ? Number.parseInt(hex, 16) : decimal ? Number(decimal) : undefined
    if (code !== undefined && code <= 0x10ffff) return String.fromCodePoint(code)
    const entity = name === undefined ? undefined : ENTITIES[name]
    valid &&= entity !== undefined
    return entity ?? ''
  })
  return valid ? resolved : undefined
}

export const childrenOf = (node: XmlNode, name: string) => node.children.filter((child) => child.name === name)

/** The text of the first child with this name. */
export const textOf = (node: XmlNode, name: string) => node.children.find((child) => child.name === name)?.text
