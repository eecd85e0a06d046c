import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { cli } from '../support/cli.ts';
import { startService } from '../support/service.ts';

const PACKAGE = fileURLToPath(new URL('../../package.json', import.meta.url));
const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8'));

it('the command line, the internal listener and build_info name the version of package.json', async () => {
  const service = await startService();
  onTestFinished(service.stop);
  const get = (path: string) => fetch(`${service.internal}${path}`);
  const nodejs = process.version;
  expect(await (await get('/version')).json()).toEqual({ version, nodejs });
  const metrics = await (await get('/metrics')).text();
  expect(metrics).toContain(`\nbuild_info{version="${version}",nodejs="${nodejs}"} 1\n`);
  expect((await fetch(`${service.origin}/version`)).status).toBe(404);
  expect(await cli(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` });
});
