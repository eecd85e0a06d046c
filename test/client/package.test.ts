import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wireTypes } from '../../client/wire-types.ts';
import { temporaryFolder } from '../support/folder.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CLIENT = join(ROOT, 'client');
const TYPESCRIPT = join(ROOT, 'node_modules/typescript/bin/tsc');
const run = promisify(execFile);

const CONSUMER = `
import { attachPlayer, createVideoTokenClient, type VideoTokenError } from 'zego-video-token-client';
const client = createVideoTokenClient({ url: 'https://a.example', credential: 'a.b.c' });
export const stop: () => void = client.watch({ roomId: 'r', videoId: 'v' }, {
  onToken: ({ expireAt }) => expireAt.toFixed(),
  onDenied: (error: VideoTokenError) => error.action === 'leave_room',
});
const player = attachPlayer(client, {
  load: (token, videoId) => token + videoId,
  onState: (now) => now.state === 'refused' && now.cause.action === 'leave_room',
});
player.load({ roomId: 'r', videoId: 'v' });
`;

describe('the types of the wire', () => {
  it('are those of openapi.yaml', async () => {
    expect(readFileSync(join(CLIENT, 'src/wire.ts'), 'utf8')).toBe(await wireTypes());
  });
});

describe('the package', () => {
  const folder = temporaryFolder();
  const installed = join(folder.path, 'node_modules/zego-video-token-client');
  const inFolder = (command: string, ...args: string[]) => run(command, args, { cwd: folder.path });

  beforeAll(async () => {
    mkdirSync(installed, { recursive: true });
    const packed = ['pack', '--silent', '--pack-destination', folder.path];
    const { stdout } = await run('npm', packed, { cwd: CLIENT });
    const archive = join(folder.path, stdout.trim().split('\n').at(-1) as string);
    await run('tar', ['-xf', archive, '-C', installed, '--strip-components=1']);
    writeFileSync(join(folder.path, 'package.json'), '{"type":"module"}');
  });
  afterAll(folder.remove);

  it('is under 4 kB, minified and compressed', async () => {
    const bundle = await rolldown({ input: join(installed, 'dist/index.js') });
    const { output } = await bundle.generate({ minify: true });
    expect(output).toHaveLength(1);
    expect(gzipSync(output[0].code, { level: 9 }).length).toBeLessThan(4_000);
    expect(output[0].imports).toEqual([]);
  });

  it('is imported by its name, in plain JavaScript', async () => {
    const script = `import * as client from 'zego-video-token-client';
      console.log(Object.keys(client).sort().join());`;
    const { stdout } = await inFolder(process.execPath, '--input-type=module', '-e', script);
    expect(stdout).toBe('VideoTokenError,attachPlayer,createVideoTokenClient\n');
  });

  it('brings its types, which need nothing but a browser', async () => {
    writeFileSync(join(folder.path, 'consumer.ts'), CONSUMER);
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--types', ''];
    const check = [TYPESCRIPT, ...options, '--lib', 'es2022,dom', 'consumer.ts'];
    expect((await inFolder(process.execPath, ...check)).stdout).toBe('');
  });

  it('is used by the guide as its types say', async () => {
    const guide = readFileSync(join(ROOT, 'docs/integration/web.md'), 'utf8');
    const [, code = ''] = /```ts\n(.*?)```/s.exec(guide) ?? [];
    writeFileSync(join(folder.path, 'guide.ts'), code);
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--types', ''];
    const check = [TYPESCRIPT, ...options, '--lib', 'es2022,dom', 'guide.ts'];
    expect((await inFolder(process.execPath, ...check)).stdout).toBe('');
  });

  it('has no more in it than it needs', () => {
    const entries = readdirSync(installed, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => relative(installed, join(parentPath, name)));
    const others = files.filter((file) => !/^dist\/[a-z-]+\.(js|d\.ts)$/.test(file)).sort();
    expect(others).toEqual(['LICENSE', 'README.md', 'package.json']);
  });
});
