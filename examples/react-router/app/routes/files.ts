// Uploads into a folder, with React Router 7 (or Remix) on Node. Run it: npm install && npm run build && npm start
import { fetchHandler } from 'holdfast/fetch'
import { holdfast } from '../lib/holdfast'

const uploads = fetchHandler(holdfast)

/** GET, HEAD and OPTIONS. */
export const loader = ({ request }: { request: Request }): Promise<Response> => uploads(request)

/** The others. */
export const action = loader
