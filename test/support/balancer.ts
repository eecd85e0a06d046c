import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import { startProgram, stopProgram } from './program.ts';

const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url));

/** How a load balancer is started from its file in deploy/. */
export type BalancerKind = {
  program: string;
  file: string;
  args(path: string): string[];
  adapt(text: string, folder: string): string;
};

export type Balancer = { origin: string; port: number; stop(): Promise<void> };

export const BALANCERS: readonly BalancerKind[] = [
  {
    program: 'haproxy',
    file: 'haproxy/haproxy.cfg',
    args: (path) => ['-f', path, '-db'],
    adapt: (text) => text,
  },
  {
    program: 'nginx',
    file: 'nginx/nginx.conf',
    args: (path) => ['-c', path, '-e', 'stderr', '-g', 'daemon off;'],
    adapt: (text, folder) => `pid ${folder}/pid;\n${withoutRootPaths(text, folder)}`,
  },
];

/** nginx keeps its temporary files where only root may write, unless it is told another place. */
function withoutRootPaths(text: string, folder: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const paths = kinds.map((kind) => `  ${kind}_temp_path ${folder}/${kind};`);
  return text.replace('http {', `http {\n  access_log off;\n${paths.join('\n')}`);
}

/** Starts a load balancer on a free port of 127.0.0.1, with its file changed by `edit`. */
export async function startBalancer(
  { program, file, args, adapt }: BalancerKind,
  [port1, port2 = port1, port3 = port1]: readonly [number, number?, number?],
  folder: string,
  edit: (text: string) => string = (text) => text,
): Promise<Balancer> {
  const port = await freePort();
  const path = join(folder, `${program}-${port}.conf`);
  const text = edit(adapt(readFileSync(join(DEPLOY, file), 'utf8'), folder))
    .replaceAll('replica1:8080', `127.0.0.1:${port1}`)
    .replaceAll('replica2:8080', `127.0.0.1:${port2}`)
    .replaceAll('replica3:8080', `127.0.0.1:${port3}`)
    .replace('bind :8000', `bind 127.0.0.1:${port}`)
    .replace('listen 8000', `listen 127.0.0.1:${port}`);
  writeFileSync(path, text);
  const child = await startProgram(program, args(path), port);
  return { origin: `http://127.0.0.1:${port}`, port, stop: () => stopProgram(child, 'SIGKILL') };
}
