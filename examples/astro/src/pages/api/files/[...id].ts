// Uploads into a folder, with Astro on Node. Run it: npm install && npm run build && npm start
import type { APIRoute } from 'astro'
import { fetchHandler } from 'holdfast/fetch'
import { holdfast } from '../../../lib/holdfast'

export const prerender = false

const uploads = fetchHandler(holdfast)

export const ALL: APIRoute = ({ request }) => uploads(request)
