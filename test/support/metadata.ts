/** The metadata that a response tells, decoded. */
export function metadataOf(response: Response): Record<string, string> {
  const pairs = (response.headers.get('Upload-Metadata') ?? '').split(',').filter(Boolean)
  return Object.fromEntries(
    pairs.map((pair) => {
      const [key = '', value = ''] = pair.trim().split(' ')
      return [key, Buffer.from(value, 'base64').toString('utf8')]
    }),
  )
}
