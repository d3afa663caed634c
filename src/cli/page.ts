/**
 * Serves the page that uploads files: a fixed list of files, read once.
 * @module
 */
import { readFileSync } from 'node:fs'
import { PlainError } from './failure.js'
import type { Page } from './listen.js'

const FILES = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/app.js': ['app.js', 'text/javascript; charset=utf-8'],
  '/style.css': ['style.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
} as const

const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
}

/**
 * @param endpoint where the page uploads to; a path of this server, or a URL
 * @throws PlainError if the package was not built
 */
export function createPage(endpoint: string): Page {
  const contents = new Map(
    Object.entries(FILES).map(([path, [name, type]]) => {
      const text = read(name).replace('{{endpoint}}', escapeAttribute(endpoint))
      return [path, { type, content: Buffer.from(text) }]
    }),
  )
  // Uploads may be elsewhere than the page; a path is always here.
  const elsewhere = URL.canParse(endpoint) ? `; connect-src 'self' ${new URL(endpoint).origin}` : ''
  const headers = { ...HEADERS, 'Content-Security-Policy': `default-src 'self'; style-src 'self'${elsewhere}` }
  return (request, response) => {
    const file = contents.get((request.url ?? '').split('?', 1)[0]!)
    if (!file || (request.method !== 'GET' && request.method !== 'HEAD')) return false
    response.on('error', () => undefined)
    response.writeHead(200, { ...headers, 'Content-Type': file.type, 'Content-Length': file.content.length })
    response.end(request.method === 'HEAD' ? '' : file.content)
    return true
  }
}

function read(name: string): string {
  try {
    return readFileSync(new URL(`../ui/${name}`, import.meta.url), 'utf8')
  } catch (error) {
    throw new PlainError(`The page is not built (${name} is missing): run \`npm run build\`.`, { cause: error })
  }
}

const escapeAttribute = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')
