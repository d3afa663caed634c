// Without an ID: where uploads are created.
export { default } from './[...id]'
