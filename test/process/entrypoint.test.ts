import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cli } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';
import { VARIABLES } from '../support/service.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SCRIPT = join(ROOT, 'deploy/image-entrypoint');
const START = join(ROOT, 'src/start.js');

describe('the entry point of the image', () => {
  it('is replaced by node, which keeps its process id and gets the arguments as they are', async () => {
    const folder = temporaryFolder();
    onTestFinished(folder.remove);
    const bin = join(folder.path, 'bin');
    mkdirSync(bin);
    // Stands for node, and says what it is started with.
    writeFileSync(join(bin, 'node'), '#!/bin/sh\necho $$\nprintf "%s\\n" "$@"\n');
    chmodSync(join(bin, 'node'), 0o755);
    const env = { PATH: `${bin}${delimiter}${process.env.PATH}` };
    const child = spawn(SCRIPT, ['inspect', 'a b'], { env });
    const [output] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    const [pid, ...words] = output.trim().split('\n');
    expect(Number(pid)).toBe(child.pid);
    expect(words.slice(-3)).toEqual(['/app/src/start.js', 'inspect', 'a b']);
  });

  it.each([
    '--require /otel-auto-instrumentation-nodejs/autoinstrumentation.js',
    '--require=/otel-auto-instrumentation-nodejs/autoinstrumentation.js',
    '--max-old-space-size=256 --import file:///otel/register.mjs',
    '-r dd-trace/init',
    '--import=dd-trace/initialize.mjs',
    '--experimental-loader /newrelic/esm-loader.mjs',
    '--import=/application/x.mjs',
  ])('says in one sentence that it does not load an injected module: %s', async (NODE_OPTIONS) => {
    const child = spawn(SCRIPT, [], { env: { PATH: process.env.PATH, NODE_OPTIONS } });
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^NODE_OPTIONS: the image does not load \S+; .*inject-nodejs.*\n$/);
  });

  it.each([
    '',
    '--max-old-space-size=256',
    '--import=/run/x.mjs',
    '--require /app/x.js',
    '--import data:text/javascript,1',
  ])('starts with NODE_OPTIONS=%s', async (NODE_OPTIONS) => {
    const folder = temporaryFolder();
    onTestFinished(folder.remove);
    writeFileSync(join(folder.path, 'node'), '#!/bin/sh\necho started\n', { mode: 0o755 });
    const env = { PATH: `${folder.path}${delimiter}${process.env.PATH}`, NODE_OPTIONS };
    expect(await text(spawn(SCRIPT, [], { env }).stdout)).toBe('started\n');
  });

  it('is what the Dockerfile starts, with no command of its own', () => {
    const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
    expect(dockerfile).toContain('COPY deploy/image-entrypoint /usr/local/bin/zego-video-token\n');
    expect(dockerfile).toContain('\nENTRYPOINT ["zego-video-token"]\n');
    expect(dockerfile).not.toMatch(/^CMD/m);
  });

  it('may be executed, and so may the bin of the package', () => {
    for (const file of [SCRIPT, START]) expect(statSync(file).mode & 0o111).toBe(0o111);
  });
});

describe('src/start.js with arguments', () => {
  it('is the command line', async () => {
    const args = ['mint', '--user', 'u', '--room', 'r', '--video', 'v', '--json'];
    const { code, stdout } = await cli(args, { env: VARIABLES, program: START });
    expect(JSON.parse(stdout)).toMatchObject({ token: expect.stringMatching(/^04/) });
    expect(code).toBe(0);
  });
});
