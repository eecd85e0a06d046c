import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createDiscovery } from '../../src/auth/keys/discovery.ts';
import { StatusError } from '../../src/fetch.ts';
import { causeOf, describeCause } from '../../src/messages/causes.ts';

const coded = (code: string) => Object.assign(new Error('a secret'), { code });
const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });

it.each<[string, unknown, RegExp]>([
  [
    'a redirect',
    new StatusError(302),
    /^it answered 302 .*; use the address that it redirects to$/,
  ],
  ['a wrong path', new StatusError(404), /^it answered 404 .*; check the address$/],
  ['a fault of the server', new StatusError(502), /^it answered 502 .*; check its log$/],
  ['a database of Redis', reply('ERR DB index is out of range'), /^there is no database of that/],
  ['too many clients of Redis', reply('ERR max number of clients reached'), /too many clients/],
  ['a reply of Redis that is not known', reply('ERR a secret'), /^it failed \(ERR\)$/],
  ['a gzip that was cut', coded('Z_BUF_ERROR'), /^the file ends too early/],
  ['an error of the system without a row', coded('ELOOP'), /^too many symbolic links/],
  ['an error of a library', coded('LIBRARY_OWN'), /^it failed \(LIBRARY_OWN\)$/],
  [
    'a reply of Redis that is a name of JavaScript',
    reply('toString x'),
    /^it failed \(toString\)$/,
  ],
  ['an error of a name of JavaScript', { name: 'constructor' }, /^it failed \(constructor\)$/],
  ['a code of a name of JavaScript', coded('__proto__'), /^it failed \(__proto__\)$/],
  ['a code that steers a terminal', coded('\u001b[2J'), /^unknown error \(UNKNOWN\)$/],
  ['a code without end', coded('A'.repeat(41)), /^unknown error \(UNKNOWN\)$/],
])('says in words what happened, and never what a library says: %s', (_name, error, words) => {
  expect(describeCause(causeOf(error))).toMatch(words);
});

it.each<[string, object, RegExp]>([
  [
    'of another issuer',
    { issuer: 'https://i.example', jwks_uri: 'https://i.example/j' },
    /another/,
  ],
  ['without a key set', {}, /names no key set.*AUTH_JWKS_URL/],
  ['with a key set in the clear', { jwks_uri: 'http://i.example/j' }, /without https/],
])('says what is wrong with a discovery document: one %s', async (_name, document, words) => {
  const server = createServer((_request, response) => {
    response.end(JSON.stringify({ issuer: origin, ...document }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { jwksUrl } = createDiscovery({ issuer: origin, allowHttp: false });
  const error = await jwksUrl().catch((thrown: unknown) => thrown);
  expect(describeCause(causeOf(error))).toMatch(words);
});
