import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BALANCERS, type Balancer, startBalancer } from '../support/balancer.ts';
import { temporaryFolder } from '../support/folder.ts';
import { describeWith } from '../support/program.ts';
import { converse, rawRequest } from '../support/raw-http.ts';
import { type Service, startService } from '../support/service.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

/** Ways to write the path that Fastify reads as `/readyz`, and some that it does not. */
const TARGETS = [
  '/readyz',
  '/readyz?',
  '/readyz?verbose=1',
  '/%72eadyz',
  '/ready%7a',
  '/%72%65%61%64%79%7A',
  '/%2572eadyz',
  '//readyz',
  '/./readyz',
  '/x/../readyz',
  '/readyz/',
  '/readyz;a=b',
  '/READYZ',
  'http://token.example/readyz',
];

describe.each(BALANCERS)('what strangers see through $program', (kind) => {
  describeWith(kind.program, kind.program, () => {
    let balancer: Balancer;
    beforeAll(async () => {
      balancer = await startBalancer(kind, [service.port], folder.path);
    });
    afterAll(() => balancer.stop());

    it.each(TARGETS)('is nothing of dependencies at %s', async (target) => {
      for (const method of ['GET', 'HEAD', 'POST']) {
        const bytes = rawRequest(
          `${method} ${target} HTTP/1.1`,
          method === 'POST' ? ['Content-Length: 0'] : [],
        );
        const [answer] = await converse(balancer.port, bytes);
        expect(answer?.status).toBeGreaterThanOrEqual(400);
        expect(JSON.stringify(answer)).not.toMatch(/dependencies|access|keys/);
      }
    });

    it('is whether the service lives', async () => {
      expect(await (await fetch(`${balancer.origin}/healthz`)).json()).toEqual({ status: 'ok' });
    });
  });
});

describeWith('haproxy', 'HAProxy that sends the PROXY protocol', () => {
  it('is counted and named, and the clients are refused', async () => {
    const [haproxy] = BALANCERS as [(typeof BALANCERS)[0]];
    const balancer = await startBalancer(haproxy, [service.port], folder.path, (text) =>
      text.replaceAll(/^( *server replica\d .*)$/gm, '$1 send-proxy no-check'),
    );
    const { status } = await fetch(`${balancer.origin}/healthz`);
    expect(status).toBe(400);
    await service.line(({ msg }) => msg === 'PROXY protocol on a plain HTTP port');
    await balancer.stop();
  });
});
