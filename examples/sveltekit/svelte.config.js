import adapter from '@sveltejs/adapter-node'

export default {
  kit: {
    adapter: adapter(),
    // SvelteKit refuses forms of other origins, and takes uploads of these types for forms; Holdfast has its own CORS.
    csrf: { trustedOrigins: ['*'] },
  },
}
