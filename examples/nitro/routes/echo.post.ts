import type { H3Event } from 'nitro/h3'

export default (event: H3Event): Promise<unknown> => event.req.json()
