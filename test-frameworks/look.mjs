// Loaded before an example: writes the requestTimeout of its server down, at the end of each request.
import { subscribe } from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'

subscribe('http.server.response.finish', ({ server }) => writeFileSync(process.env.LOOK, String(server.requestTimeout)))
