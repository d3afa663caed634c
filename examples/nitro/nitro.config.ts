import { defineConfig } from 'nitro/config'

export default defineConfig({ compatibilityDate: '2026-11-01' })
