/**
 * Objects whose undefined fields are left out, since "absent" and "undefined" are two things to the compiler.
 * @module
 */

type Present<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> }

export const present = <T extends object>(fields: T): Present<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>
