// A reporter for node's test runner: for each suite inside a suite, how many tests passed, failed, and are todo.
export default async function* counts(source) {
  const groups = {}
  let open = { passed: 0, failed: 0, todo: 0 }
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue
    if (data.details.type === 'suite') {
      if (data.nesting !== 1) continue
      groups[data.name] = open
      open = { passed: 0, failed: 0, todo: 0 }
    } else if (data.nesting === 2 && data.skip === undefined) {
      // A rule that is known not to be kept counts for nothing, whatever came of it.
      if (data.todo !== undefined) open.todo++
      else if (type === 'test:pass') open.passed++
      else open.failed++
    }
  }
  yield JSON.stringify(groups)
}
