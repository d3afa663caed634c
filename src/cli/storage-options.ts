/**
 * The rows of options.ts that are about memory, folders and lockers.
 * @module
 */
import { DEFAULTS } from '../s3/options.js'
import type { Rows } from './options.js'
import { showSize } from './values.js'

export const memory = {
  'buffer-memory': {
    type: 'size',
    default: showSize(DEFAULTS.bufferMemory),
    sets: 'bufferMemory',
    help: 'Bytes of uploads in memory at once, over all uploads and workers; at the bound, sockets are paused.',
  },
  'temporary-directory': {
    type: 'string',
    sets: 'temporaryDirectory',
    help: 'A folder for parts that find no room in memory, so that sockets need not be paused. Default: none.',
  },
} as const satisfies Rows

export const disk = {
  'upload-dir': { type: 'string', default: './data', help: 'The folder for uploads, where there is no bucket.' },
  'disk-fsync': {
    type: 'string',
    default: 'commit',
    choices: ['commit', 'finish', 'never'],
    sets: 'fsync',
    help: 'When bytes are forced to the disk: before they are acknowledged, when the upload is finished, or never.',
  },
  'disk-lock-timeout': {
    type: 'duration',
    default: '5s',
    sets: 'lockTimeout',
    help: 'How long a request waits for another process that writes the same upload.',
  },
  'dir-perms': {
    type: 'permissions',
    default: '777',
    sets: 'dirPerms',
    help: 'Permissions of folders that are made, in octal, less what the umask takes away.',
  },
  'file-perms': {
    type: 'permissions',
    default: '666',
    sets: 'filePerms',
    help: 'Permissions of files that are made, in octal, less what the umask takes away.',
  },
} as const satisfies Rows

export const locking = {
  'locker-redis': {
    type: 'string',
    sets: 'locker',
    secret: true,
    help: 'URL of a Redis or Valkey that keeps the writers of an upload apart (docs/locking.md). It may hold a password, so rather set the variable.',
  },
  'locker-prefix': { type: 'string', default: 'holdfast:', help: 'Before the keys there; the same on all nodes.' },
  'locker-ttl': {
    type: 'duration',
    default: '10s',
    min: 500,
    help: 'After how long the lock of a node that died is free; the same on all nodes.',
  },
  'single-process': {
    type: 'boolean',
    default: 'false',
    sets: 'singleProcess',
    help: 'Promise that no other process writes these uploads: then a provider without conditional writes needs no locker.',
  },
} as const satisfies Rows
