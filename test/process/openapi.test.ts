import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { cli } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';

it('npm run openapi writes both documents, and with --check names those that differ', async () => {
  const program = fileURLToPath(new URL('../../tools/openapi.ts', import.meta.url));
  const folder = temporaryFolder();
  onTestFinished(folder.remove);
  const written = await cli([], { program, cwd: folder.path });
  expect(written).toEqual({
    code: 0,
    stdout: 'Wrote openapi.yaml.\nWrote openapi.internal.yaml.\nWrote openapi.backend.yaml.\n',
    stderr: '',
  });
  const check = () => cli(['--check'], { program, cwd: folder.path });
  expect(await check()).toEqual({ code: 0, stdout: '', stderr: '' });
  writeFileSync(join(folder.path, 'openapi.yaml'), '');
  expect(await check()).toEqual({
    code: 1,
    stdout: '',
    stderr: 'openapi.yaml differs from the route schemas: run npm run openapi.\n',
  });
});
