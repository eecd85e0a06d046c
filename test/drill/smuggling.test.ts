import { Agent, type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BALANCERS, type Balancer, startBalancer } from '../support/balancer.ts';
import { temporaryFolder } from '../support/folder.ts';
import { signFreshJwt } from '../support/jwt.ts';
import { describeWith } from '../support/program.ts';
import { converse } from '../support/raw-http.ts';
import { type Service, startService } from '../support/service.ts';

const HONEST = 10_000;
const CLIENTS = 32;
const INNER =
  'POST /video-token HTTP/1.1\r\nHost: a\r\nX-Request-Id: smuggled\r\nContent-Length: 0\r\n\r\n';

/** Ways to say the length of a body that two servers could read differently, with a request inside. */
const VARIANTS: [string, string[]][] = [
  ['two framings', ['Content-Length: 4', 'Transfer-Encoding: chunked']],
  ['two framings, the other way round', ['Transfer-Encoding: chunked', 'Content-Length: 4']],
  ['two lengths', ['Content-Length: 0', `Content-Length: ${INNER.length}`]],
  ['a list of lengths', [`Content-Length: 0, ${INNER.length}`]],
  ['a length with a sign', ['Content-Length: +0']],
  ['a length with a space inside', ['Content-Length: 0 0']],
  ['a space before the colon', ['Transfer-Encoding : chunked']],
  ['a tab before the value', ['Transfer-Encoding:\tchunked']],
  ['a folded line', ['Transfer-Encoding:', ' chunked']],
  ['an unknown encoding', ['Transfer-Encoding: xchunked']],
  ['chunked twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']],
  ['chunked before identity', ['Transfer-Encoding: chunked, identity']],
  ['chunked in odd case', ['Transfer-Encoding: chUNKed']],
  ['an underscore', ['Transfer_Encoding: chunked']],
  ['a bare CR', ['X: a\rTransfer-Encoding: chunked']],
  ['a bare LF', ['X: a\nTransfer-Encoding: chunked']],
  ['a NUL', ['Transfer-Encoding: chunked\0']],
  ['an upgrade', ['Connection: Upgrade', 'Upgrade: websocket', 'Content-Length: 0']],
  ['a length that is hidden as hop by hop', ['Connection: Content-Length', 'Content-Length: 0']],
  ['an expectation', ['Expect: 100-continue', 'Content-Length: 0']],
  ['no framing', []],
];

for (const kind of BALANCERS) {
  describeWith(kind.program, `through deploy/${kind.file}`, () => {
    const folder = temporaryFolder();
    let service: Service;
    let balancer: Balancer;

    beforeAll(async () => {
      service = await startService({ TRUST_PROXY: '127.0.0.1/32' });
      balancer = await startBalancer(kind, [service.port], folder.path);
    });
    afterAll(async () => {
      await balancer.stop();
      await service.stop();
      folder.remove();
    });

    it(`each of ${HONEST} requests gets its own answer beside ${VARIANTS.length} ways to smuggle one`, async () => {
      const authorization = `Bearer ${await signFreshJwt()}`;
      let isOver = false;
      const attack = async () => {
        let sent = 0;
        for (; !isOver; sent++) {
          const [, framing] = VARIANTS[sent % VARIANTS.length] as (typeof VARIANTS)[0];
          const head = ['POST /video-token HTTP/1.1', 'Host: a', ...framing, '', ''].join('\r\n');
          await converse(balancer.port, `${head}0\r\n\r\n${INNER}`, (socket) => {
            socket.setTimeout(200, () => socket.destroy());
          }).catch(() => {});
        }
        return sent;
      };
      const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
      let next = 0;
      const wrong: unknown[] = [];
      const client = async () => {
        while (next < HONEST) {
          const id = `honest-${next++}`;
          const answer = await askOnce(balancer.port, agent, authorization, id);
          if (answer.status !== 200 || answer.id !== id) wrong.push({ asked: id, ...answer });
        }
      };
      const attacks = Array.from({ length: 8 }, attack);
      await Promise.all(Array.from({ length: CLIENTS }, client));
      isOver = true;
      const sent = (await Promise.all(attacks)).reduce((sum, count) => sum + count, 0);
      agent.destroy();
      console.info({ proxy: kind.program, honest: HONEST, sent, disturbed: wrong.length });
      expect(wrong).toEqual([]);
      expect(sent).toBeGreaterThan(2 * VARIANTS.length);
    });
  });
}

function askOnce(port: number, agent: Agent, authorization: string, id: string) {
  const { promise, resolve } = Promise.withResolvers<{ status: unknown; id: unknown }>();
  const headers = { authorization, 'content-type': 'application/json', 'x-request-id': id };
  request({ host: '127.0.0.1', port, agent, method: 'POST', path: '/video-token', headers })
    .on('response', (response: IncomingMessage) => {
      response
        .resume()
        .on('end', () =>
          resolve({ status: response.statusCode, id: response.headers['x-request-id'] }),
        );
    })
    .on('error', (error: NodeJS.ErrnoException) => resolve({ status: error.code, id: undefined }))
    .end('{"roomId":"room","videoId":"film"}');
  return promise;
}
