// Uploads into a folder, with Nitro 3 on Node. Run it: npm install && npm run build && npm start
import { nodeHandler } from 'holdfast/node'
import { fromNodeHandler } from 'nitro/h3'
import { holdfast } from '../../../lib/holdfast'

export default fromNodeHandler(nodeHandler(holdfast))
