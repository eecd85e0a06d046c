import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => parse(readFileSync(join(ROOT, file), 'utf8'));
const { version, engines } = read('package.json');

describe('the version in package.json', () => {
  it('is that of the client, the chart and the lockfile', () => {
    expect(read('client/package.json').version).toBe(version);
    const chart = read('deploy/helm/zego-video-token/Chart.yaml');
    expect([chart.version, chart.appVersion]).toEqual([version, version]);
    const { packages } = read('package-lock.json');
    expect([packages[''].version, packages.client.version]).toEqual([version, version]);
  });
});

describe('the releases of Node.js', () => {
  it('that CI tests begin with the least one of package.json and end with that of .node-version', () => {
    const { node } = read('.github/workflows/ci.yml').jobs.test.strategy.matrix;
    expect(engines.node).toBe(`>=${node[0]}`);
    expect(node.at(-1)).toBe(read('.node-version'));
  });

  it('of the image and of the package that the project brings are that of .node-version', () => {
    const release = String(read('.node-version'));
    const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
    const images = [...dockerfile.matchAll(/^FROM node:(\d+)-/gm)].map(([, major]) => major);
    expect(images).toEqual([release, release, release]);
    expect(read('package.json').devDependencies.node.split('.')[0]).toBe(release);
  });
});
