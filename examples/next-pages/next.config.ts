import type { NextConfig } from 'next'

const config: NextConfig = {
  // Not bundled: it has parts that are loaded when they are needed.
  serverExternalPackages: ['holdfast'],
  // Clients of tus do not follow redirects from /api/files/ to /api/files.
  skipTrailingSlashRedirect: true,
}

export default config
