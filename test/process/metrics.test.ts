import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { signFreshJwt } from '../support/jwt.ts';
import { rawRequest } from '../support/raw-http.ts';
import { startService } from '../support/service.ts';

it('says in /metrics how many requests wait', async () => {
  const service = await startService();
  onTestFinished(service.stop);
  const socket = connect(service.port, '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  const openRequests = async () =>
    /^open_requests (\d+)$/m.exec(await (await fetch(`${service.internal}/metrics`)).text())?.[1];
  const headers = [
    `Authorization: Bearer ${await signFreshJwt()}`,
    'Content-Type: application/json',
    'Content-Length: 200',
  ];
  socket.write(rawRequest('POST /video-token HTTP/1.1', headers, '{"roomId":'));
  await expect.poll(openRequests).toBe('1');
  socket.resetAndDestroy();
  await expect.poll(openRequests).toBe('0');
});
