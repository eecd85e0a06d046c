import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { variables } from '../src/config/variables.ts';
import { ERROR_CODES } from '../src/errors.ts';
import { PROBLEM_TYPES } from '../src/http/problems/table.ts';
import { temporaryFolder } from './support/folder.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** Runs the import rules over a copy of the sources with one more line in one of them. */
function cruiseWith(file: string, line: string): string {
  const folder = temporaryFolder();
  onTestFinished(folder.remove);
  for (const part of ['src', 'tools', '.dependency-cruiser.cjs', 'package.json', 'tsconfig.json']) {
    cpSync(join(ROOT, part), join(folder.path, part), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder.path, 'node_modules'));
  const target = join(folder.path, file);
  writeFileSync(target, `${line}\n${readFileSync(target, 'utf8')}`);
  const cruiser = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
  try {
    return execFileSync(process.execPath, [cruiser, 'src', 'tools'], {
      cwd: folder.path,
      encoding: 'utf8',
    });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return stdout + stderr;
  }
}

describe('the import rules', () => {
  it('are kept, and every module is looked at', () => {
    const [, modules] =
      /no dependency violations found \((\d+) modules/.exec(cruiseWith('src/errors.ts', '')) ?? [];
    expect(Number(modules)).toBeGreaterThan(60);
  });

  it.each([
    ['token04-knows-only-crypto', 'src/token04/claims.ts', `import '../errors.ts';`],
    ['token-is-pure', 'src/token/payload.ts', `import '../errors.ts';`],
    ['rules-know-only-the-port', 'src/access/rules.ts', `import '../errors.ts';`],
    ['the-port-is-a-leaf', 'src/access/access.ts', `import '../errors.ts';`],
    ['claims-are-pure', 'src/auth/claims.ts', `import './jwks.ts';`],
    [
      'public-http-knows-no-adapter',
      'src/http/public/video-token.ts',
      `import '../../access/open.ts';`,
    ],
    ['public-http-knows-no-adapter', 'src/http/base.ts', `import '../directory/store.ts';`],
    [
      'internal-http-knows-no-database',
      'src/http/internal/app.ts',
      `import '../../directory/sqlite/open.ts';`,
    ],
    ['modules-know-no-http', 'src/directory/store.ts', `import '../http/problems/table.ts';`],
    ['auth-and-access-are-apart', 'src/auth/verifier.ts', `import '../access/access.ts';`],
    ['access-and-auth-are-apart', 'src/directory/store.ts', `import '../auth/claims.ts';`],
    ['databases-are-apart', 'src/directory/sqlite/open.ts', `import '../postgres/errors.ts';`],
    ['the-directory-knows-no-database', 'src/directory/store.ts', `import './sqlite/open.ts';`],
    ['breakers-are-in-one-place', 'src/access/backend.ts', `import 'opossum';`],
    ['no-cycles', 'src/errors.ts', `import './http/problems/response.ts';`],
    ['processes-are-roots', 'src/service.ts', `import './server.ts';`],
    ['the-image-has-only-src', 'src/commands/mint.ts', `import '../../tools/demo/page.ts';`],
    ['no-development-dependency-in-production', 'src/service.ts', `import 'vitest';`],
  ])('%s is broken by an import too many', (rule, file, line) => {
    expect(cruiseWith(file, line)).toContain(`error ${rule}`);
  });
});

describe('the documentation', () => {
  it('of the environment explains every variable and no other', () => {
    const example = read('.env.example');
    const explained = [...example.matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name as string);
    const files = explained.filter((name) => name.endsWith('_FILE') && !(name in variables));
    const names = explained.filter((name) => !files.includes(name));
    expect(new Set(names)).toEqual(new Set(Object.keys(variables)));
  });

  it('has every code with its status and action', () => {
    for (const code of ERROR_CODES) {
      const { status, action } = PROBLEM_TYPES[code];
      expect(read('README.md')).toContain(`| ${status} | \`${code}\` | \`${action}\` |`);
    }
  });

  it('of the API has an example for every code', () => {
    const document = read('openapi.yaml');
    for (const code of ERROR_CODES)
      expect(document).toContain(`urn:zego-video-token:problem:${code}`);
  });
});
