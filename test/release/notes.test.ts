import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../support/folder.ts';

const SCRIPT = fileURLToPath(new URL('../../.ci/release-notes', import.meta.url));
const CHANGELOG = `# Changelog

## [Unreleased]

## [0.2.0] - 2026-12-01

### Added

- A chart.

## [0.1.0] - 2026-11-24

- The start.
`;

describe('.ci/release-notes', () => {
  let folder: string;
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.example', ...args], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder },
    });
  const commit = (subject: string) => git('commit', '--quiet', '--allow-empty', '-m', subject);
  const notes = (tag: string) =>
    spawnSync(join(folder, '.ci/release-notes'), [tag], { encoding: 'utf8' });

  beforeEach(() => {
    const temporary = temporaryFolder();
    onTestFinished(temporary.remove);
    folder = temporary.path;
    mkdirSync(join(folder, '.ci'));
    cpSync(SCRIPT, join(folder, '.ci/release-notes'));
    writeFileSync(join(folder, 'package.json'), '{\n  "version": "0.2.0",\n  "a": 1\n}');
    writeFileSync(join(folder, 'CHANGELOG.md'), CHANGELOG);
    git('init', '--quiet');
    commit('feat: begin');
    git('tag', 'v0.1.0');
    commit('feat(deploy): add a chart');
    git('tag', 'v0.2.0');
    commit('fix: come later');
  });

  it("prints the release's section and the commits since the release before", () => {
    const { status, stdout } = notes('v0.2.0');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^\s*### Added\n\n- A chart\.\n\n## Commits since v0\.1\.0\n\n- feat\(deploy\): add a chart \([0-9a-f]{7,}\)\n$/,
    );
  });

  it('lists every commit for the first release', () => {
    git('tag', '--delete', 'v0.1.0');
    expect(notes('v0.2.0').stdout).toContain('- feat: begin (');
  });

  it('refuses a tag that is not the version of package.json', () => {
    const { status, stderr } = notes('v0.3.0');
    expect(status).toBe(1);
    expect(stderr).toContain('the tag is v0.3.0, and package.json says 0.2.0');
  });

  it('refuses a version that the changelog does not have', () => {
    writeFileSync(join(folder, 'CHANGELOG.md'), CHANGELOG.replace('[0.2.0]', '[0.2.1]'));
    expect(notes('v0.2.0')).toMatchObject({ status: 1, stderr: expect.stringContaining('0.2.0') });
  });
});
