// Draws docs/images/warm-request.svg: a profile of warm requests, from the time that the service spends in each function.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../test/support/free-port.ts';
import { writeSqlite } from './directory.ts';
import { runNode } from './load-node.ts';
import { createSigner, JWT_SECRET, tokenRequest } from './requests.ts';
import { nodeCommand, SERVICE, startServer } from './server.ts';

const IMAGE = fileURLToPath(new URL('../docs/images/warm-request.svg', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const USERS = 100_000;
const CREDENTIALS = 1_000;
const SECONDS = 10;

const WIDTH = 1_200;
const ROW = 15;
const MIN_SHARE = 0.004;
const COLORS = { ours: '#fb923c', packages: '#60a5fa', node: '#94a3b8' };

/** The format of `--cpu-prof`, as far as it is read here (Chrome DevTools Protocol, Profiler.Profile). */
type Profile = {
  nodes: {
    id: number;
    callFrame: { functionName: string; url: string };
    children?: number[];
  }[];
  samples: number[];
  timeDeltas: number[];
};

/** A function, as its callers call it: microseconds in it and in what it calls. */
type Frame = { name: string; kind: keyof typeof COLORS; total: number; children: Frame[] };

/** No work for a request: these, and loading the program. */
const REST = /^(\(idle\)|\(program\)|run node:internal\/modules)/;

async function profileWarmRequests(): Promise<Profile> {
  const folder = mkdtempSync(join(tmpdir(), 'picture-'));
  try {
    const port = await freePort();
    const limit = '1000000';
    const flags = ['--max-semi-space-size=8', '--cpu-prof', `--cpu-prof-dir=${folder}`];
    const server = await startServer({
      ...SERVICE,
      name: 'service',
      port,
      command: nodeCommand('../src/start.js', ...flags),
      log: join(folder, 'log'),
      env: {
        ...SERVICE.env,
        AUTH_JWT_SECRET: JWT_SECRET,
        ACCESS_SQLITE_PATH: await writeSqlite(folder, USERS),
        ...{ RATE_LIMIT_PER_IP: limit, RATE_LIMIT_PER_USER: limit },
      },
    });
    const signer = createSigner('HS256');
    const step = USERS / CREDENTIALS;
    const requests = Array.from({ length: CREDENTIALS }, (_, n) => tokenRequest(signer, n * step));
    await runNode({ port, connections: 32, seconds: SECONDS, requests, offset: 0 });
    await server.stop();
    const [name = ''] = readdirSync(folder).filter((file) => file.endsWith('.cpuprofile'));
    return JSON.parse(readFileSync(join(folder, name), 'utf8'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Joins the calls of one function by one caller, and leaves out what took no time. */
function toFrame({ nodes, samples, timeDeltas }: Profile): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const self = new Map<number, number>();
  for (const [index, id] of samples.entries()) {
    self.set(id, (self.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const build = (name: string, kind: Frame['kind'], ids: readonly number[]): Frame => {
    const called = ids.flatMap((id) => byId.get(id)?.children ?? []);
    const groups = Map.groupBy(called, (id) => labelOf(byId.get(id) as Profile['nodes'][0]));
    const children = [...groups].map(([label, group]) =>
      build(label, kindOf(byId.get(group[0] as number)?.callFrame.url ?? ''), group),
    );
    const own = ids.reduce((sum, id) => sum + (self.get(id) ?? 0), 0);
    const kept = children.filter((child) => !REST.test(child.name));
    const total = kept.reduce((sum, child) => sum + child.total, own);
    return { name, kind, total, children: kept.sort((a, b) => b.total - a.total) };
  };
  return build('all', 'node', [nodes[0]?.id ?? 0]);
}

function kindOf(url: string): Frame['kind'] {
  if (url.includes(`${sep}node_modules${sep}`)) return 'packages';
  return url.includes(ROOT) ? 'ours' : 'node';
}

function labelOf({ callFrame: { functionName, url } }: Profile['nodes'][0]): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  const [, inPackage] = /node_modules\/((?:@[^/]+\/)?[^/]+)(?!.*node_modules\/)/.exec(url) ?? [];
  const place = inPackage ?? url.replace(/^file:\/\//, '').replace(ROOT, '');
  return `${name} ${place}`;
}

function draw(root: Frame): string {
  const rows: string[] = [];
  let depth = 0;
  const add = ({ name, kind, total, children }: Frame, x: number, level: number) => {
    const width = (WIDTH * total) / root.total;
    if (width < WIDTH * MIN_SHARE) return;
    depth = Math.max(depth, level + 1);
    const label = escapeXml(name);
    const text = escapeXml(name.slice(0, Math.floor((width - 4) / 5.7)));
    const y = level * ROW;
    rows.push(
      `<g><title>${label} ${((100 * total) / root.total).toFixed(1)} %</title>` +
        `<rect x="${x.toFixed(1)}" y="${y}" width="${(width - 0.4).toFixed(1)}" height="${ROW - 1}" fill="${COLORS[kind]}"/>` +
        `<text x="${(x + 2).toFixed(1)}" y="${y + 11}">${text}</text></g>`,
    );
    let left = x;
    for (const child of children) {
      add(child, left, level + 1);
      left += (WIDTH * child.total) / root.total;
    }
  };
  add(root, 0, 0);
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${depth * ROW}" font-family="ui-monospace, monospace" font-size="9.5">`;
  const title = '<title>Where the time of a warm request goes</title>';
  return [head, title, '<rect width="100%" height="100%" fill="#fff"/>', ...rows, '</svg>\n'].join(
    '\n',
  );
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

writeFileSync(IMAGE, draw(toFrame(await profileWarmRequests())));
process.stdout.write(`Wrote ${IMAGE}\n`);
