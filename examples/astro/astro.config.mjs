import node from '@astrojs/node'
import { defineConfig } from 'astro/config'

export default defineConfig({
  adapter: node({ mode: 'standalone' }),
  // Astro refuses forms of other origins, and takes uploads of these types for forms; Holdfast has its own CORS.
  security: { checkOrigin: false },
})
