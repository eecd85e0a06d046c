import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from './support/folder.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CRUISER = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');

/** For each rule a file, and an import that the rule forbids there. */
const FORBIDDEN: [rule: string, file: string, specifier: string][] = [
  ['token04-knows-only-crypto', 'src/token04/claims.ts', '../errors.ts'],
  ['token-is-pure', 'src/token/payload.ts', '../errors.ts'],
  ['rules-know-only-the-port', 'src/access/rules.ts', '../errors.ts'],
  ['the-port-is-a-leaf', 'src/access/access.ts', '../identifiers.ts'],
  ['claims-are-pure', 'src/auth/claims.ts', './keys/jwks.ts'],
  ['http-knows-no-adapter', 'src/http/video-token.ts', '../open-access.ts'],
  ['http-knows-no-adapter', 'src/http/base.ts', '../directory/store.ts'],
  ['admin-knows-no-database', 'src/admin/app.ts', '../directory/sqlite/open.ts'],
  ['modules-know-no-http', 'src/directory/store.ts', '../http/problems/table.ts'],
  ['modules-know-no-http', 'src/auth/verifier.ts', '../operator/terminal.ts'],
  ['access-opens-nothing', 'src/access/backend.ts', '../directory/read.ts'],
  ['config-is-below-all-modules', 'src/config/config.ts', '../auth/user-id.ts'],
  ['auth-and-access-are-apart', 'src/auth/verifier.ts', '../access/access.ts'],
  ['access-and-auth-are-apart', 'src/directory/store.ts', '../auth/claims.ts'],
  ['databases-are-apart', 'src/directory/sqlite/open.ts', '../postgres/errors.ts'],
  ['the-directory-knows-no-database', 'src/directory/store.ts', './sqlite/open.ts'],
  ['breakers-are-in-one-place', 'src/access/backend.ts', 'opossum'],
  ['no-cycles', 'src/errors.ts', './http/problems/response.ts'],
  ['processes-are-roots', 'src/service.ts', './server.ts'],
  ['the-image-has-only-src', 'src/operator/mint.ts', '../../tools/demo/page.ts'],
  ['no-development-dependency-in-production', 'src/service.ts', 'vitest'],
  ['no-orphans-in-packages', 'src/token04/cipher.ts', './nowhere.ts'],
];

type Dependency = { module: string; rules?: { name: string; severity: string }[] };
type Module = { source: string; dependencies: Dependency[] };

let modules: Module[];

// `npm run check` sees that the rules are kept; here a copy of the sources breaks each of them once.
beforeAll(() => {
  const { path, remove } = temporaryFolder();
  for (const part of ['src', 'tools', '.dependency-cruiser.cjs', 'package.json', 'tsconfig.json']) {
    cpSync(join(ROOT, part), join(path, part), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(path, 'node_modules'));
  for (const [, file, specifier] of FORBIDDEN) {
    const target = join(path, file);
    writeFileSync(target, `import '${specifier}';\n${readFileSync(target, 'utf8')}`);
  }
  const args = [CRUISER, 'src', 'tools', '--output-type', 'json'];
  const { stdout } = spawnSync(process.execPath, args, {
    cwd: path,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  remove();
  modules = JSON.parse(stdout).modules;
});

it('the import rules look at every module', () => {
  expect(modules.filter(({ source }) => /^(src|tools)\//.test(source)).length).toBeGreaterThan(60);
});

it.each(FORBIDDEN)('the import rule %s refuses in %s the import of %s', (rule, file, specifier) => {
  const imports = modules.find(({ source }) => source === file)?.dependencies ?? [];
  const broken = imports.filter(({ module }) => module === specifier);
  expect(broken.flatMap(({ rules = [] }) => rules)).toContainEqual({
    name: rule,
    severity: 'error',
  });
});
