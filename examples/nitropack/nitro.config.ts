import { defineNitroConfig } from 'nitropack/config'

// In Nuxt the folder server/ is where it is here, and this file is the section `nitro` of nuxt.config.ts.
export default defineNitroConfig({ srcDir: 'server', compatibilityDate: '2026-11-01' })
