// A reporter of node's test runner: one line of JSON for each test that ended, with the names of the suites around it.
export default async function* results(source) {
  const names = []
  for await (const { type, data } of source) {
    if (type === 'test:start') {
      names.length = data.nesting
      names[data.nesting] = data.name
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue
    const { name, nesting, skip, todo, details } = data
    if (details?.type === 'suite') continue
    const ended = type === 'test:pass' ? 'pass' : 'fail'
    const outcome = skip !== undefined ? 'skip' : todo !== undefined ? `todo-${ended}` : ended
    yield `${JSON.stringify({ path: names.slice(0, nesting), name, outcome })}\n`
  }
}
