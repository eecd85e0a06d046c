/** Which module may import which. */
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { pathNot: allowed },
});
/** What a module may never import. */
const never = (name, from, to) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { path: to },
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
    only('claims-are-pure', '^src/auth/(claims|kinds)\\.ts$', [
      '^src/(errors|identifiers|messages/printable)\\.ts$',
      '^src/(auth/(user-id|kinds)\\.ts$|config/identity/)',
    ]),
    never(
      'http-knows-no-adapter',
      '^src/http/',
      '^src/(open-access\\.ts|access/(backend|jwt-claims)|directory/|ops/|config/|admin/|operator/)',
    ),
    never(
      'admin-knows-no-database',
      '^src/admin/',
      '^src/(open-access\\.ts|directory/(sqlite|postgres)/|ops/|config/|operator/)',
    ),
    never(
      'modules-know-no-http',
      '^src/(token04|token|auth|access|directory|config|ops|messages)/',
      '^src/(http|admin|operator)/',
    ),
    never('access-opens-nothing', '^src/access/', '^src/(directory/|open-access\\.ts|config/)'),
    never(
      'config-is-below-all-modules',
      '^src/config/',
      '^src/(auth|access|directory|ops|operator)/',
    ),
    never('auth-and-access-are-apart', '^src/auth/', '^src/(access|directory)/'),
    never('access-and-auth-are-apart', '^src/(access|directory)/', '^src/auth/'),
    {
      name: 'databases-are-apart',
      severity: 'error',
      from: { path: '^src/directory/(sqlite|postgres)/' },
      to: { path: '^src/directory/(sqlite|postgres)/', pathNot: '^src/directory/$1/' },
    },
    never(
      'the-directory-knows-no-database',
      '^src/directory/[^/]+\\.ts$',
      '^src/directory/(sqlite|postgres)/',
    ),
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
    never('the-image-has-only-src', '^src/', '^(tools|test|bench|client|examples)/'),
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
