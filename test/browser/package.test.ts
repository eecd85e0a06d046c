import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { wireTypes } from '../../client/wire-types.ts';
import { temporaryFolder } from '../support/folder.ts';
import { freePort } from '../support/free-port.ts';
import { describeWith, startProgram, stopProgram } from '../support/program.ts';
import { type Service, startService } from '../support/service.ts';
import { importSample, reads, useBrowser } from './support.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CLIENT = join(ROOT, 'client');
const TYPESCRIPT = join(ROOT, 'node_modules/typescript/bin/tsc');
const run = promisify(execFile);

/** A text of the guide, and what takes its place. */
type Change = [now: string, then: string];
const SAME: Change = ['', ''];
const FILM = '249850980283048';

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

describe('the types of requests and replies', () => {
  it('has the types of openapi.yaml', async () => {
    expect(readFileSync(join(CLIENT, 'src/wire.ts'), 'utf8')).toBe(await wireTypes());
  });
});

/** The first file of that language in the web guide. */
function guideFile(language: string): string {
  const guide = readFileSync(join(ROOT, 'docs/integration/web.md'), 'utf8');
  return new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(guide)?.[1] ?? '';
}

describe('the package', () => {
  const folder = temporaryFolder();
  const installed = join(folder.path, 'node_modules/zego-video-token-client');
  let service: Service;
  let port = 0;
  const inFolder = (command: string, ...args: string[]) => run(command, args, { cwd: folder.path });

  beforeAll(async () => {
    mkdirSync(installed, { recursive: true });
    const packed = ['pack', '--silent', '--pack-destination', folder.path];
    const { stdout } = await run('npm', packed, { cwd: CLIENT });
    const archive = join(folder.path, stdout.trim().split('\n').at(-1) as string);
    await run('tar', ['-xf', archive, '-C', installed, '--strip-components=1']);
    writeFileSync(join(folder.path, 'package.json'), '{"type":"module"}');
    symlinkSync(join(ROOT, 'node_modules/jose'), join(installed, '../jose'));
    port = await freePort();
    service = await startService({
      AUTH_JWT_SECRET: 'for-development-on-this-machine-only',
      ACCESS_SQLITE_PATH: await importSample(folder.path),
      CORS_ORIGINS: `http://127.0.0.1:${port}`,
    });
  });
  afterAll(async () => {
    await service.stop();
    folder.remove();
  });

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

  it('is used by the web guide as its types say', async () => {
    writeFileSync(join(folder.path, 'guide.ts'), guideFile('ts'));
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--types', ''];
    const check = [TYPESCRIPT, ...options, '--lib', 'es2022,dom', 'guide.ts'];
    expect((await inFolder(process.execPath, ...check)).stdout).toBe('');
  });

  describeWith('chromium', 'the page of the web guide', () => {
    const open = useBrowser();

    /** Opens the page of the guide with a change of its backend and one of main.ts, and presses Play. */
    async function play(backend = SAME, page = SAME) {
      const root = mkdtempSync(join(folder.path, 'page-'));
      writeFileSync(join(root, 'index.html'), guideFile('html'));
      writeFileSync(join(root, 'vite.config.mjs'), guideFile('js').replace(...backend));
      const main = guideFile('ts').replace('http://127.0.0.1:8080', service.origin);
      writeFileSync(join(root, 'main.ts'), main.replace(...page));
      const vite = join(ROOT, 'node_modules/vite/bin/vite.js');
      const args = [vite, root, '--host', '127.0.0.1', '--port', String(port)];
      const child = await startProgram(process.execPath, args, port);
      onTestFinished(() => stopProgram(child));
      const opened = await open(`http://127.0.0.1:${port}`);
      // Vite loads a page again once it has looked at its packages.
      const pressed = `document.getElementById('play').click(), document.getElementById('words').innerText !== ''`;
      await opened.waitForFunction(pressed);
      return opened;
    }

    it('plays a film, as the guide says', async () => {
      await reads(await play(), 'words', 'Now playing');
      await service.line(({ event, userId }) => event === 'video_token' && userId === 'User_123');
    });

    it.each<[string, Change, Change, string]>([
      ['User_789', ['User_123', 'User_789'], SAME, 'contact support. (user_not_allowed, reference'],
      ['a closed room', SAME, ['room_123', 'room_456'], '(room_not_allowed, '],
      ['a later film', SAME, [FILM, '249850980283062'], '(video_not_started, reference '],
      [
        'another secret',
        ['for-dev', 'for-pro'],
        SAME,
        'was not accepted. (credential_invalid, ref',
      ],
      [
        'an app server that fails',
        ['response.end', 'response.statusCode = 500; response.end'],
        SAME,
        'It takes longer than usual (credential_unavailable).',
      ],
    ])('shows the refusal of %s, as the guide says', async (_name, backend, page, words) => {
      await reads(await play(backend, page), 'words', words);
    });
  });

  it('has no more in it than it needs', () => {
    const entries = readdirSync(installed, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => relative(installed, join(parentPath, name)));
    const others = files.filter((file) => !/^dist\/[a-z-]+\.(js|d\.ts)$/.test(file)).sort();
    expect(others).toEqual(['LICENSE', 'README.md', 'README.zh-CN.md', 'package.json']);
  });
});
