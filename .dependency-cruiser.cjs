/** Which module may import which. */
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
      to: { circular: true },
    },
    { name: 'no-orphans-in-packages', severity: 'error', from: {}, to: { couldNotResolve: true } },
    only('token04-knows-only-crypto', '^src/token04/', ['^src/token04/', '^(node:)?crypto$']),
    only('token-is-pure', '^src/token/', ['^src/token/', '^src/access/access\\.ts$']),
    only('rules-know-only-the-port', '^src/access/rules\\.ts$', ['^src/access/access\\.ts$']),
    only('the-port-is-a-leaf', '^src/access/access\\.ts$', ['^src/errors\\.ts$']),
    only('claims-are-pure', '^src/auth/claims\\.ts$', [
      '^src/(errors|identifiers)\\.ts$',
      '^src/(auth/user-id\\.ts$|config/identity/)',
    ]),
    {
      name: 'http-knows-no-adapter',
      severity: 'error',
      from: { path: '^src/http/' },
      to: {
        path: '^src/(open-access\\.ts|access/(backend|jwt-claims)|directory/|ops/|config/|admin/|operator/)',
      },
    },
    {
      name: 'admin-knows-no-database',
      severity: 'error',
      from: { path: '^src/admin/' },
      to: { path: '^src/(open-access\\.ts|directory/(sqlite|postgres)/|ops/|config/|operator/)' },
    },
    {
      name: 'modules-know-no-http',
      severity: 'error',
      from: { path: '^src/(token04|token|auth|access|directory|config|ops|messages)/' },
      to: { path: '^src/(http|admin|operator)/' },
    },
    {
      name: 'access-opens-nothing',
      severity: 'error',
      from: { path: '^src/access/' },
      to: { path: '^src/(directory/|open-access\\.ts|config/)' },
    },
    {
      name: 'config-is-below-all-modules',
      severity: 'error',
      from: { path: '^src/config/' },
      to: { path: '^src/(auth|access|directory|ops|operator)/' },
    },
    {
      name: 'auth-and-access-are-apart',
      severity: 'error',
      from: { path: '^src/auth/' },
      to: { path: '^src/(access|directory)/' },
    },
    {
      name: 'access-and-auth-are-apart',
      severity: 'error',
      from: { path: '^src/(access|directory)/' },
      to: { path: '^src/auth/' },
    },
    {
      name: 'databases-are-apart',
      severity: 'error',
      from: { path: '^src/directory/(sqlite|postgres)/' },
      to: { path: '^src/directory/(sqlite|postgres)/', pathNot: '^src/directory/$1/' },
    },
    {
      name: 'the-directory-knows-no-database',
      severity: 'error',
      from: { path: '^src/directory/[^/]+\\.ts$' },
      to: { path: '^src/directory/(sqlite|postgres)/' },
    },
    {
      name: 'breakers-are-in-one-place',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/dependency\\.ts$' },
      to: { path: '(^|/)node_modules/opossum/' },
    },
    {
      name: 'processes-are-roots',
      severity: 'error',
      from: { pathNot: '^src/start\\.js$' },
      to: { path: '^src/(start\\.js|server\\.ts|cli\\.ts)$' },
    },
    {
      name: 'the-image-has-only-src',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(tools|test|bench|client|examples)/' },
    },
    {
      name: 'no-development-dependency-in-production',
      severity: 'error',
      from: { path: '^src/' },
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
