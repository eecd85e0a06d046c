import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

type Package = {
  hasInstallScript?: boolean;
  dev?: boolean;
  resolved?: string;
  integrity?: string;
  /** A workspace of this repository. */
  link?: boolean;
};

const locked = Object.entries(
  JSON.parse(read('package-lock.json')).packages as Record<string, Package>,
).filter(([path, { link }]) => path.includes('node_modules/') && !link);
const manifest = JSON.parse(read('package.json'));
const nameOf = (path: string) => path.replace(/^.*node_modules\//, '');

describe('the packages', () => {
  const scripted = locked.filter(([, { hasInstallScript }]) => hasInstallScript);

  it('with an install script have a decision in allowScripts, and no others have', () => {
    const names = scripted.map(([path]) => nameOf(path));
    expect(new Set(Object.keys(manifest.allowScripts))).toEqual(new Set(names));
  });

  it('that run in production have no install script', () => {
    expect(scripted.filter(([, { dev }]) => !dev).map(([path]) => path)).toEqual([]);
  });

  it('may not report to their makers', () => {
    expect(manifest.allowScripts['@scarf/scarf']).toBe(false);
  });

  it('come from the registry, by hash', () => {
    const unbound = locked.filter(
      ([, { resolved, integrity }]) =>
        resolved && !(resolved.startsWith('https://registry.npmjs.org/') && integrity),
    );
    expect(unbound.map(([path]) => path)).toEqual([]);
  });

  it('are named in package.json by an exact version', () => {
    const { dependencies, devDependencies } = manifest;
    for (const version of Object.values({ ...dependencies, ...devDependencies }))
      expect(version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
  });
});

describe('the image', () => {
  it('is built from an allow-list, so that no secret can slip into a layer', () => {
    const [first, ...rest] = read('.dockerignore').trim().split('\n');
    expect(first).toBe('**');
    expect(rest).toEqual([
      '!package.json',
      '!package-lock.json',
      '!openapi.yaml',
      '!openapi.internal.yaml',
      '!src',
      '!deploy/image-entrypoint',
      '!tsconfig.json',
      '!console',
      'console/dist',
    ]);
  });

  it('copies by name, adds nothing from elsewhere and takes no argument but for its labels', () => {
    const dockerfile = read('Dockerfile');
    const copied = [...dockerfile.matchAll(/^COPY (.+) \S+$/gm)].map(([, from]) => from);
    expect(copied).toEqual([
      'package.json package-lock.json',
      'package.json package-lock.json tsconfig.json',
      'console',
      '--from=dependencies /app/node_modules',
      'package.json openapi.yaml openapi.internal.yaml',
      'src',
      '--from=console /app/console/dist',
      'deploy/image-entrypoint',
    ]);
    const built = dockerfile.replace(/^ARG VERSION=0\.0\.0 REVISION=unknown$/m, '');
    expect(built).not.toMatch(/^(ADD|ARG) |--mount=type=secret/m);
  });
});

describe('SECURITY.md', () => {
  it('names for every promise tests that are there', () => {
    const rows = read('SECURITY.md').match(/^\| [A-Z].*\|$/gm) ?? [];
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) {
      const files = row.match(/test\/[\w/-]+\.test\.ts/g) ?? [];
      expect(files, row).not.toEqual([]);
      expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
    }
  });
});
