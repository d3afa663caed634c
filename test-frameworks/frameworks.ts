/**
 * The frameworks: where the example of each is, how it is started, and what it cannot do. A limit is written here only if a
 * check shows that it is there.
 * @module
 */

export interface Framework {
  /** For HOLDFAST_FRAMEWORKS, and the folder of examples/. */
  readonly name: string
  /** The script of its package.json. */
  readonly start?: string
  /** What runs it, if not Node. */
  readonly runsOn?: 'Bun' | 'Deno'
  /** Clients of the IETF draft are told by 104 where their upload is. */
  readonly interim: boolean
  /** What it wants to be told by its environment. */
  readonly environment?: (origin: string) => Record<string, string>
  /** Content is sent in chunks, without a Content-Length. */
  readonly chunked?: boolean
}

export const FRAMEWORKS: readonly Framework[] = [
  { name: 'express', interim: true },
  { name: 'fastify', interim: true },
  { name: 'koa', interim: true },
  { name: 'hono', interim: true },
  { name: 'hono', start: 'start:web', interim: false },
  { name: 'h3', interim: true },
  { name: 'nitro', interim: true },
  { name: 'nitropack', interim: true },
  { name: 'next', interim: false, chunked: true },
  { name: 'next-pages', interim: false },
  {
    name: 'sveltekit',
    environment: (ORIGIN) => ({ BODY_SIZE_LIMIT: 'Infinity', ORIGIN }),
    interim: false,
  },
  { name: 'astro', interim: false },
  { name: 'react-router', interim: false },
  { name: 'bun', runsOn: 'Bun', interim: false, chunked: true },
  { name: 'bun', start: 'start:node', runsOn: 'Bun', interim: true },
  { name: 'deno', runsOn: 'Deno', interim: false },
  { name: 'deno', start: 'start:node', runsOn: 'Deno', interim: true },
]

/** Those that HOLDFAST_FRAMEWORKS names, or all. */
export function chosen(): readonly Framework[] {
  const names = process.env.HOLDFAST_FRAMEWORKS?.split(',')
  for (const name of names ?? []) {
    if (!FRAMEWORKS.some((framework) => framework.name === name)) {
      const known = [...new Set(FRAMEWORKS.map((framework) => framework.name))].join(', ')
      throw new Error(`HOLDFAST_FRAMEWORKS: '${name}' is none of ${known}.`)
    }
  }
  return FRAMEWORKS.filter(({ name }) => names?.includes(name) ?? true)
}
