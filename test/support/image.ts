import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** The flags of Node.js in the image's entry point. */
export const FLAGS = [...read('deploy/image-entrypoint').matchAll(/^ {2}(--\S+) \\$/gm)].map(
  ([, flag]) => flag as string,
);

/** The flags with which it may read what /metrics says of the process. */
export const PROCESS_FLAGS = /for name in (.+); do process=/
  .exec(read('deploy/image-entrypoint'))?.[1]
  ?.split(' ')
  .map((name) => `--allow-fs-read=/proc/self/${name}`) as string[];

/** These flags, with other folders in the place of the image's. */
export function imageFlags(places: Readonly<Record<string, string>>): string[] {
  return FLAGS.map((flag) => {
    const [name, place = ''] = flag.split('=');
    return place in places ? `${name}=${places[place]}` : flag;
  });
}

/** Makes the image's /app: what the last stage of the Dockerfile copies, and packages for production alone. */
export function copyImage(app: string): void {
  const stage =
    read('Dockerfile')
      .split(/^FROM /m)
      .at(-1) ?? '';
  for (const [, words = ''] of stage.matchAll(/^COPY (?!--from)(.+)$/gm)) {
    const paths = words.split(' ');
    const target = paths.pop() ?? '';
    if (target.startsWith('/')) continue;
    for (const path of paths) {
      const name = target === './' ? basename(path) : target;
      cpSync(join(ROOT, path), join(app, name), { recursive: true });
    }
  }
  for (const path of productionPackages()) {
    cpSync(join(ROOT, path), join(app, path), { recursive: true });
  }
  for (const folder of ['data', 'node_modules/.cache']) {
    mkdirSync(join(app, folder), { recursive: true });
  }
}

type Locked = Record<string, { dev?: boolean; link?: boolean; optional?: boolean }>;

/** The folders of the packages that `npm ci --omit=dev` installs here. */
function productionPackages(): string[] {
  const locked: Locked = JSON.parse(read('package-lock.json')).packages;
  return Object.entries(locked)
    .filter(([path, { dev, link, optional }]) => {
      const isTop = path.lastIndexOf('node_modules/') === 0;
      return isTop && !dev && !link && !optional;
    })
    .map(([path]) => path);
}
