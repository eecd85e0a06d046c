/** The rules of the house: who may import whom. */
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { pathNot: allowed },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'no-orphans-in-packages', severity: 'error', from: {}, to: { couldNotResolve: true } },
    only('token04-knows-only-crypto', '^src/token04/', ['^src/token04/', '^(node:)?crypto$']),
    only('rules-know-only-the-port', '^src/access/(decide|explain|lifetime)\\.ts$', [
      '^src/access/(access|decide)\\.ts$',
    ]),
    only('the-port-is-a-leaf', '^src/access/access\\.ts$', []),
    {
      name: 'http-knows-no-adapter',
      severity: 'error',
      from: { path: '^src/(http/|app\\.ts)' },
      to: {
        path: '^src/(access/(sqlite|postgres|http|claims|open)|directory/|ops/|config/|commands/)',
      },
    },
    {
      name: 'rooms-do-not-know-each-other',
      severity: 'error',
      from: {
        path: '^src/(auth|access|directory|ops)/',
        pathNot: '^src/directory/(routes|resources|refusals)\\.ts$',
      },
      to: { path: '^src/(http|commands)/' },
    },
    {
      name: 'auth-and-access-are-apart',
      severity: 'error',
      from: { path: '^src/auth/' },
      to: { path: '^src/access/' },
    },
    {
      name: 'access-and-auth-are-apart',
      severity: 'error',
      from: { path: '^src/access/' },
      to: { path: '^src/auth/' },
    },
    {
      name: 'processes-are-roots',
      severity: 'error',
      from: { pathNot: '^src/start\\.js$' },
      to: { path: '^src/(start\\.js|server\\.ts|cli\\.ts)$' },
    },
    {
      name: 'no-development-dependency-in-production',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(openapi|commands/openapi)\\.ts$' },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { conditionNames: ['import', 'node', 'default', 'types'] },
    parser: 'swc',
  },
};
