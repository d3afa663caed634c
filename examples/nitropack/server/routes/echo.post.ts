import { eventHandler, readBody } from 'h3'

export default eventHandler((event) => readBody(event))
