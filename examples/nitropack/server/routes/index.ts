import { eventHandler } from 'h3'

export default eventHandler(() => 'Upload to /api/files/ with any tus 1.0.0 client.\n')
