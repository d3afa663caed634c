// Uploads into a folder, with SvelteKit on Node. Run it: npm install && npm run build && npm start
import { fetchHandler } from 'holdfast/fetch'
import { holdfast } from '../../../../lib/holdfast'

// Clients of tus do not follow redirects from /api/files/ to /api/files.
export const trailingSlash = 'ignore'

const uploads = fetchHandler(holdfast)
const handle = ({ request }: { request: Request }): Promise<Response> => uploads(request)

export { handle as DELETE, handle as GET, handle as HEAD, handle as OPTIONS, handle as PATCH, handle as POST }
