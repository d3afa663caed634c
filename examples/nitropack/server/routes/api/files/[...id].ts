// Uploads into a folder, with Nuxt 4 or Nitro 2. Run it here: npm install && npm run build && npm start
import { fromNodeMiddleware } from 'h3'
import { nodeHandler } from 'holdfast/node'
import { holdfast } from '../../../utils/holdfast'

export default fromNodeMiddleware(nodeHandler(holdfast))
