import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openAccess } from '../../src/open-access.ts';
import { selfSigned } from '../support/certificate.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { expectDiscreet, refusedAccess } from '../support/refusal.ts';

const CANARY = 'canary-password-71bd02c95ea84f36';
const DAY_MS = 86_400_000;

const { path: folder, remove } = temporaryFolder();
const file = (name: string) => join(folder, name);
const certificates = {
  good: selfSigned('localhost'),
  expired: selfSigned('localhost', new Date(Date.now() - 2 * DAY_MS)),
  early: selfSigned('localhost', new Date(Date.now() + DAY_MS)),
  other: selfSigned('db.example'),
};
type Certificate = keyof typeof certificates;

let postgres: Postgres;
let database: string;

beforeAll(async () => {
  postgres = await startPostgres();
  database = await postgres.createDatabase('tls');
  for (const [name, { cert }] of Object.entries(certificates))
    writeFileSync(file(`${name}.pem`), cert);
  writeFileSync(file('text.pem'), 'This is a text.\n');
  mkdirSync(file('folder'));
});

afterAll(async () => {
  await postgres.stop();
  remove();
});

/** Speaks TLS before PostgreSQL, as a pooler does; its port. */
async function openTls(name: Certificate): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    // The first bytes are an SSLRequest.
    socket.once('data', () => {
      socket.write('S');
      const secure = new TLSSocket(socket, { isServer: true, ...certificates[name] });
      const { port, hostname } = new URL(database);
      const inside = connect(Number(port), hostname);
      for (const one of [secure, inside]) one.on('error', () => {});
      secure.pipe(inside).pipe(secure);
    });
  });
  await once(server.listen(0, 'localhost'), 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** The address of the database behind a server with this certificate. */
async function addressOf(name: Certificate, query: string) {
  const port = await openTls(name);
  const url = `postgres://postgres:${CANARY}@localhost:${port}/tls?${query.replaceAll('$', folder)}`;
  return { url, port };
}

const STRICT = 'sslmode=verify-full';

describe('a DATABASE_URL with TLS', () => {
  it.each<[string, Certificate, string, string]>([
    [
      'a certificate that has expired',
      'expired',
      `${STRICT}&sslrootcert=$/expired.pem`,
      'the certificate has expired .*; renew it',
    ],
    [
      'a certificate of tomorrow',
      'early',
      `${STRICT}&sslrootcert=$/early.pem`,
      'not yet valid .*; check the clock',
    ],
    [
      'a self-signed certificate',
      'good',
      STRICT,
      'the certificate is self-signed .*; .*sslrootcert',
    ],
    [
      'a self-signed certificate and sslmode=require',
      'good',
      'sslmode=require',
      'the certificate is self-signed',
    ],
    [
      'a self-signed certificate and sslmode=prefer',
      'good',
      'sslmode=prefer',
      'the certificate is self-signed',
    ],
    ['a self-signed certificate and ssl=require', 'good', 'ssl=require', 'self-signed'],
    [
      'a self-signed certificate and sslrootcert=system',
      'good',
      'sslrootcert=system',
      'self-signed',
    ],
    ['a self-signed certificate and a mistyped sslmode', 'good', 'sslmode=requier', 'self-signed'],
    [
      'a certificate for another host',
      'other',
      `${STRICT}&sslrootcert=$/other.pem`,
      'the certificate is for another host .*; check the host name',
    ],
    [
      'a certificate for another host and sslmode=verify-ca',
      'other',
      'sslmode=verify-ca&sslrootcert=$/other.pem',
      'the certificate is for another host',
    ],
    [
      'a sslkey that is not there',
      'good',
      `${STRICT}&sslkey=$/nowhere.pem`,
      'no such file .*sslkey',
    ],
    [
      'a sslcert that is a folder',
      'good',
      `${STRICT}&sslcert=$/folder`,
      'it is a folder, not a file .*sslcert',
    ],
    ['a sslrootcert that is a text', 'good', `${STRICT}&sslrootcert=$/text.pem`, 'sslrootcert'],
    ['a sslkey that is a text', 'good', `${STRICT}&sslcert=$/good.pem&sslkey=$/text.pem`, 'sslkey'],
  ])('that cannot be used is one line: %s', async (_what, name, query, cause) => {
    const { url, port } = await addressOf(name, query);
    const line = await refusedAccess({ ACCESS_MODE: 'postgres', DATABASE_URL: url });
    expect(line).toMatch(
      new RegExp(`^DATABASE_URL: cannot use localhost:${port}; .*${cause}[^\n]*$`),
    );
    expectDiscreet(line, CANARY);
  });

  it.each([
    ['a certificate whose authority is sslrootcert', `${STRICT}&sslrootcert=$/good.pem`],
    ['any certificate by sslmode=no-verify', 'sslmode=no-verify'],
  ])('is opened: %s', async (_what, query) => {
    const { url } = await addressOf('good', query);
    const { service } = await openAccess({ mode: 'postgres', url });
    await service.close();
  });
});
