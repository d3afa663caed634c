/**
 * Credentials in files, as Docker and Kubernetes give them: AWS_SECRET_ACCESS_KEY_FILE names a file with what
 * AWS_SECRET_ACCESS_KEY would be. Options have the same by themselves (read-options.ts).
 * @module
 */
import { readFileSync } from 'node:fs'
import { UsageError } from './failure.js'

/** Those that the AWS SDK reads, and that it knows no file for. */
const VARIABLES = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_REGION']

/** Puts what the files hold into the environment, for the SDK and for workers. @throws UsageError */
export function readSecretFiles(environment: Record<string, string | undefined>): void {
  for (const variable of VARIABLES) {
    const file = `${variable}_FILE`
    const path = environment[file]
    if (!path) continue
    if (environment[variable]) throw new UsageError(`${variable} and ${file} are both set; one is enough.`)
    try {
      environment[variable] = readFileSync(path, 'utf8').trim()
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new UsageError(`${file}: the file ${path} cannot be read (${code}).`, { cause: error })
    }
    delete environment[file]
  }
}
