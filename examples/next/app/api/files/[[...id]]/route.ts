// Uploads into a folder, with the App Router of Next.js. Run it: npm install && npm run build && npm start
import { fetchHandler } from 'holdfast/fetch'
import { holdfast } from '../../../../lib/holdfast'

export const runtime = 'nodejs'
export const dynamic = 'force-dynamic'

const uploads = fetchHandler(holdfast)

// HEAD and OPTIONS too: else Next answers them by itself.
export { uploads as DELETE, uploads as GET, uploads as HEAD, uploads as OPTIONS, uploads as PATCH, uploads as POST }
