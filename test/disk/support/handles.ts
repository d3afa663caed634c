/**
 * Where faults are put in: the methods of file handles.
 * @module
 */
import { type FileHandle, open } from 'node:fs/promises'

/** What all file handles inherit from; node does not export their class. */
export async function handlePrototype(): Promise<FileHandle> {
  const handle = await open(import.meta.filename)
  await handle.close()
  return Object.getPrototypeOf(handle) as FileHandle
}
