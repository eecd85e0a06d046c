import { execFile, execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/folder.ts';
import { freePort } from '../support/free-port.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** The commands of a page, a text for each block. */
function blocksOf(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/^( *)```sh\n(.*?)^ *```/gms)].map(([, indent = '', code = '']) =>
    code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
}

/** The first snippet of the page for backends. */
const SIGN = /```js\n(.*?)```/s.exec(
  readFileSync(join(ROOT, 'docs/integration/server.md'), 'utf8'),
)?.[1] as string;

/** Which blocks of a page are run here, in one shell, and what they print. */
const RUN: { page: string; blocks: number[]; before?: string; prints: string[] }[] = [
  { page: 'README.md', blocks: [1, 2], prints: ['Imported 3 users', '"token":"04'] },
  {
    page: 'docs/console.md',
    blocks: [0, 1, 2],
    before: 'serve_sample; export KEY=$ADMIN_API_KEY; at_now',
    prints: [
      '"name":"support-lin"',
      'User_123  active  Lin Wang',
      'User_789',
      '"name":"Lin Wang"',
      '"holds":true',
      '"decisions":[',
      '"type":"video"',
      'A token would be issued.',
    ],
  },
  {
    page: 'docs/integration/server.md',
    blocks: [0, 1],
    before:
      'export AUTH_JWT_SECRET=0123456789-0123456789-0123456789 ZEGO_APP_ID=1 ZEGO_SERVER_SECRET=0123456789abcdef0123456789abcdef',
    prints: ['The service accepts this JWT.'],
  },
  {
    page: 'docs/integration/server.md',
    blocks: [2, 3],
    before: 'serve_sample',
    prints: ['"title":"A film"', '"videoIds":["film_1"]', '"regions":["TH"]'],
  },
  {
    page: 'docs/integration/server.md',
    blocks: [4, 5],
    prints: ['✓ access (http): answers', 'doctor {"allow": false, "code": "user_not_allowed"}'],
  },
  {
    page: 'docs/operations/first-hour.md',
    blocks: [0, 1, 2, 3, 4, 5],
    prints: ['Imported 3 users', '✓ access (sqlite)', '"ready"', 'would be issued', '"token":"04'],
  },
  {
    page: 'docs/operations/worst-hour.md',
    blocks: [1, 2, 3],
    before:
      'serve_sample; at_now; zvt() { docker exec -i zego-video-token zego-video-token "$@"; }',
    prints: ['"type":"video"', 'A token would be issued.', '"type":"room"', 'Imported 3 users'],
  },
];

/**
 * Where the other blocks are run, or why they are not. A test elsewhere takes the same steps in a way of its own, so its
 * blocks stand here whole: who changes one looks at that test again.
 */
const ELSEWHERE: [page: string, block: string, where: string][] = [
  ['README.md', 'npm ci && npm run demo', 'test/process/demo.test.ts'],
  [
    'client/README.md',
    `npm ci
npm pack -w client`,
    'test/browser/package.test.ts',
  ],
  [
    'client/README.md',
    'npm install ../zego-video-token/zego-video-token-client-*.tgz',
    'test/browser/package.test.ts',
  ],
  [
    'docs/integration/web.md',
    `npm ci
npm pack -w client
export ZEGO_APP_ID=1234567890
export ZEGO_SERVER_SECRET=$(npx node -p "crypto.randomUUID().replaceAll('-', '')")
export AUTH_JWT_SECRET=for-development-on-this-machine-only
export CORS_ORIGINS=http://localhost:5173
npm run -s cli -- directory import examples/directory.ndjson
npm start`,
    'test/browser/package.test.ts',
  ],
  [
    'docs/integration/web.md',
    `npm init -y
npm install ../zego-video-token/zego-video-token-client-*.tgz vite jose`,
    'test/browser/package.test.ts',
  ],
  [
    'docs/integration/generated-clients.md',
    `npm install openapi-fetch && npm install --save-dev openapi-typescript typescript@5
npx openapi-typescript openapi.yaml --output video-token.ts`,
    'test/generated-clients/clients.test.ts',
  ],
  [
    'docs/integration/generated-clients.md',
    `npm install zod && npm install --save-dev orval
npx orval`,
    'test/generated-clients/clients.test.ts',
  ],
  ['docs/identity-providers.md', 'AUTH_', 'variables'],
  [
    'docs/identity-providers.md',
    'pbpaste | npm run -s cli -- explain --jwt -',
    'test/process/jwt.test.ts',
  ],
  ['docs/deployment.md', 'apt-get', 'not run'],
  ['docs/deployment.md', 'cat >/usr', 'not run'],
  ['docs/deployment.md', 'cp deploy/systemd', 'not run'],
  ['docs/operations/first-hour.md', 'cp .env', 'not run'],
  ['docs/operations/first-hour.md', 'kubectl', 'not run'],
  ['docs/operations/worst-hour.md', 'alias', 'not run'],
  [
    'docs/operations/worst-hour.md',
    `docker exec zego-video-token sh -c 'cd data && mv access.db access-broken.db && mv restored.db access.db'`,
    'test/outage/sqlite-replaced.test.ts',
  ],
  [
    'docs/operations/worst-hour.md',
    `createdb --owner access restored          # access: the role of the old DATABASE_URL; or CREATE DATABASE restored OWNER access
DATABASE_URL_FILE= DATABASE_URL=postgres://…/restored ACCESS_MODE=postgres \\
  zego-video-token directory import --restore - <directory-2026-11-24.ndjson`,
    'test/process/backup.test.ts',
  ],
  ['docs/operations/worst-hour.md', 'docker compose', 'not run'],
  ['docs/operations/worst-hour.md', 'kubectl', 'not run'],
  ['docs/troubleshooting.md', 'docker run', 'not run'],
  ['docs/releasing.md', '', 'not run'],
];

const PAGES = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], { cwd: ROOT })
  .toString()
  .split('\n')
  .filter((page) => !page.includes('zh-CN') && existsSync(join(ROOT, page)))
  .filter((page) => page !== '' && blocksOf(page).length > 0);

it.each(PAGES)('each command of %s is run by a test, or the page says that it was not', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8');
  for (const [index, block] of blocksOf(page).entries()) {
    if (RUN.some((one) => one.page === page && one.blocks.includes(index))) continue;
    const [, known, where] =
      ELSEWHERE.find(([name, begins]) => name === page && block.startsWith(begins)) ?? [];
    expect(where, `${page}: ${block}`).toBeDefined();
    if (where?.startsWith('test/')) {
      expect(existsSync(join(ROOT, where)), where).toBe(true);
      expect(block.trimEnd(), `${page}, run by ${where}`).toBe(known);
    }
    if (where === 'not run') expect(text).toMatch(/not run|nothing was published/i);
  }
});

/** What a reader has besides the page: a clone, a network of its own, and time. */
function preamble(folder: string, port: number, internal: number): string {
  return `set -euo pipefail
    export PORT=${port} INTERNAL_PORT=${internal} ADMIN_API_KEY=${randomUUID()}${randomUUID()}
    program() { node --disable-warning=ExperimentalWarning src/start.js "$@"; }
    started() { curl -s --retry 50 --retry-delay 1 --retry-connrefused "$1" >/dev/null; }
    serve() { node src/start.js >service.log 2>&1 & started http://127.0.0.1:${port}/readyz; }
    at_now() { at=$(date -u +%Y-%m-%dT%H:%M:%SZ); }
    serve_sample() {
      export ZEGO_APP_ID=1 ZEGO_SERVER_SECRET=0123456789abcdef0123456789abcdef
      export AUTH_JWT_SECRET=for-development-on-this-machine-only
      program directory import examples/directory.ndjson >/dev/null && serve
    }
    # Without an engine: what the container would run, with the variables that it would have.
    docker() {
      local kind=$1
      [[ $kind == build ]] && return
      if [[ -f .env && $kind == run ]]; then set -a; . ./.env; set +a; fi
      [[ " $* " == *" -d "* ]] && { serve; return; }
      if [[ " $* " =~ ' -e '([^ ]+)' ' ]]; then local -x "\${BASH_REMATCH[1]}"; fi
      while [[ $1 != zego-video-token ]]; do shift; done
      shift; [[ $kind == exec ]] && shift
      program "$@"
    }
    trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
    cd ${folder}\n`;
}

/** A block as the reader types it, with the ports of this test and values in place of "…". */
function typed(block: string, port: number, internal: number): string {
  return (
    block
      .replaceAll(':8080', `:${port}`)
      .replaceAll(':9090', `:${internal}`)
      .replace('ZEGO_SERVER_SECRET=…', 'ZEGO_SERVER_SECRET=0123456789abcdef0123456789abcdef')
      .replace('the-32-characters-of-the-console', '0123456789abcdef0123456789abcdef')
      .replace(
        /AUTH_JWT_SECRET=(…|at-least\S*)/,
        'AUTH_JWT_SECRET=0123456789-0123456789-0123456789',
      )
      .replace('npm start', 'serve; cat backend.log 2>/dev/null || true')
      .replace(
        /PORT=9000 python3 \S+/,
        'env -u PORT PORT=9000 python3 -u examples/backend/server.py >backend.log 2>&1 & sleep 1',
      )
      // Somebody will be refused.
      .replace('--minutes 120', '--minutes 120 || [ $? = 1 ]')
      .replaceAll(/--at 20\d\d-1[12]-\S+/g, '--at "$at"')
      .replace('id=VIDEO', 'id=249850980283048')
      .replace(
        '--user U --room R --video V',
        '--user User_123 --room room_123 --video 249850980283048',
      )
      .replace('directory-2026-11-24.ndjson', 'directory-$(date +%F).ndjson')
  );
}

it.each(RUN)(
  'a reader of $page types its commands $blocks',
  async ({ page, blocks, before = '', prints }) => {
    const { path: around, remove } = temporaryFolder();
    const path = join(around, 'zego-video-token');
    mkdirSync(path);
    // The files of the reader, beside the clone.
    symlinkSync(join(ROOT, 'node_modules'), join(around, 'node_modules'));
    writeFileSync(join(around, 'sign.mjs'), SIGN);
    for (const name of readdirSync(ROOT)) {
      if (!['data', '.env', '.git'].includes(name)) symlinkSync(join(ROOT, name), join(path, name));
    }
    const [port, internal] = [await freePort(), await freePort()];
    const all = blocksOf(page);
    const lines = blocks.map((index) => typed(all[index] as string, port, internal));
    writeFileSync(
      join(path, 'page.sh'),
      [preamble(path, port, internal), before, ...lines].join('\n'),
    );
    const { stdout } = await run('bash', ['page.sh'], {
      cwd: path,
      env: { PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`, HOME: path },
    });
    for (const text of prints) expect(stdout).toContain(text);
    remove();
  },
);
