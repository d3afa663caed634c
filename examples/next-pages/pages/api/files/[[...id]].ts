// Uploads into a folder, with the Pages Router of Next.js. Run it: npm install && npm run build && npm start
import { nodeHandler } from 'holdfast/node'
import type { PageConfig } from 'next'
import { holdfast } from '../../../lib/holdfast'

// What Next's body parser has read cannot be stored any more.
export const config: PageConfig = { api: { bodyParser: false, responseLimit: false } }

export default nodeHandler(holdfast)
