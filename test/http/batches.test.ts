import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as nextIteration } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createRequestBatcher } from '../../src/http/admission.ts';
import { openApp } from '../support/app.ts';
import { BODY } from '../support/ask.ts';
import { NOW } from '../support/clock.ts';

it('takes what arrives in one turn of the event loop through each step together', async () => {
  const nextBatch = createRequestBatcher();
  const steps: string[] = [];
  const request = async (name: string) => {
    await nextBatch();
    steps.push(`${name} is counted`);
    await undefined;
    steps.push(`${name} is authenticated`);
  };
  await Promise.all(['a', 'b'].map(request));
  expect(steps).toEqual([
    'a is counted',
    'b is counted',
    'a is authenticated',
    'b is authenticated',
  ]);
});

it('puts a request that comes late into the next batch', async () => {
  const nextBatch = createRequestBatcher();
  const order: string[] = [];
  const first = nextBatch().then(async () => {
    const late = nextBatch().then(() => order.push('late'));
    await undefined;
    order.push('first');
    await late;
  });
  await first;
  expect(order).toEqual(['first', 'late']);
});

it('lets 64 requests through in one event-loop iteration, the others in those that follow', async () => {
  const nextBatch = createRequestBatcher();
  let through = 0;
  const enter = (count: number) => {
    for (let n = 0; n < count; n++) nextBatch().then(() => through++);
  };
  enter(130);
  const seen = [];
  for (let n = 0; n < 3; n++) {
    await nextIteration();
    seen.push(through);
  }
  expect(seen).toEqual([64, 128, 130]);
  enter(1);
  await nextIteration();
  expect(through).toBe(131);
});

it('is what requests over several connections form: all are authenticated, then all decided', async () => {
  const steps: string[] = [];
  const app = await openApp({
    videoToken: {
      async verify() {
        steps.push('authenticated');
        return {
          userId: 'alice',
          subject: 'alice',
          issuer: undefined,
          expiresAt: NOW + 60,
          videoAccess: undefined,
        };
      },
      async check() {
        steps.push('decided');
        return { allow: true };
      },
    },
  });
  const sockets = Array.from({ length: 3 }, () => connect(app.port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const body = JSON.stringify(BODY);
  const head = 'POST /video-token HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer x\r\n';
  const type = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  const ask = async () => {
    for (const socket of sockets) socket.write(`${head}${type}${body}`);
    await Promise.all(sockets.map((socket) => once(socket, 'data')));
    return steps.splice(0).join(' ');
  };
  // New connections are accepted turn by turn.
  await ask();
  expect(await ask()).toMatch(/^(authenticated ){3}(decided ?){3}$/);
  for (const socket of sockets) socket.destroy();
});
