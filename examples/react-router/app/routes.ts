import { index, type RouteConfig, route } from '@react-router/dev/routes'

export default [
  index('routes/home.tsx'),
  // With an ID, and without.
  route('api/files/*', 'routes/files.ts'),
  route('echo', 'routes/echo.ts'),
] satisfies RouteConfig
