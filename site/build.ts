/**
 * Builds the site into site/dist/, or with --dev serves it while its pages change. DOCS_BASE is the path below which it
 * will be, such as /holdfast/.
 * @module
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { build, createServer } from 'vitepress'
import { writeContent } from './content.js'
import { writeReference } from './reference.js'

async function make(): Promise<void> {
  writeContent()
  await writeReference()
  if (!process.argv.includes('--dev')) return buildSite()
  const server = await createServer(import.meta.dirname)
  await server.listen()
  server.printUrls()
}

async function buildSite(): Promise<void> {
  rmSync(join(import.meta.dirname, 'dist'), { recursive: true, force: true })
  await build(import.meta.dirname)
}

await make().catch((error: Error) => {
  console.error(error.message)
  process.exit(1)
})
