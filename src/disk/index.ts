/** The disk store: uploads as files, in the layout of tusd's filestore. @module */
export type { Fsync } from './files.js'
export { DiskStore, type DiskStoreOptions } from './store.js'
