import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { clientAddress, createCountryOf } from '../../src/http/client.ts';

const PEER = '192.0.2.1';

/** A request of a peer, as a proxy forwards it. */
function request(ip: string, remoteAddress: string | undefined = PEER, headers = {}) {
  return { ip, headers, raw: { socket: { remoteAddress } } } as unknown as FastifyRequest;
}

describe('the address of a client', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['2001:db8::1', '2001:db8::1'],
    ['203.0.113.7:5678', '203.0.113.7'],
    ['[2001:db8::1]:80', '2001:db8::1'],
    ['[2001:DB8::A]:80', '2001:DB8::A'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:cb00:7107', '203.0.113.7'],
    ['0:0:0:0:0:ffff:203.0.113.7', '203.0.113.7'],
    ['[::ffff:203.0.113.7]:80', '203.0.113.7'],
    ['::203.0.113.7', '::203.0.113.7'],
    ['64:ff9b::203.0.113.7', '64:ff9b::203.0.113.7'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%eth0]:80', 'fe80::1'],
  ])('that a proxy writes as %s is %s', (written, address) => {
    expect(clientAddress(request(written))).toBe(address);
  });

  it.each([
    '',
    'unknown',
    '203.0.113.7:',
    '203.0.113.7:x',
    '203.0.113.7:80x',
    'x203.0.113.7:80',
    'x[2001:db8::1]:80',
    '203.0.113:80',
    '[2001:db8]:80',
    '[203.0.113.7:80',
  ])('is that of the proxy which writes %j', (written) => {
    expect(clientAddress(request(written))).toBe(PEER);
  });

  it('is unknown when the client was gone before it was accepted', () => {
    const { raw, ...rest } = request('');
    const gone = { ...rest, raw: { ...raw, socket: {} } } as unknown as FastifyRequest;
    expect(clientAddress(gone)).toBe('unknown');
  });
});

describe('the country of a client', () => {
  const HEADER = 'cf-ipcountry';
  const country = (proxies: string[], peer: string | undefined, value: unknown = 'SG') =>
    createCountryOf(HEADER, proxies)(request('203.0.113.7', peer, { [HEADER]: value }));

  it.each([
    ['10.0.0.0/8', '10.255.0.1'],
    ['10.0.0.1', '10.0.0.1'],
    ['2001:db8::/32', '2001:db8:ffff::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['10.0.0.0/8', '::ffff:10.0.0.1'],
    ['10.0.0.0/8', '::ffff:a00:1'],
    ['::ffff:10.0.0.0/104', '10.255.0.1'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['fe80::/10', 'fe80::1%eth0'],
  ])('is believed of a proxy in %s at %s', (range, peer) => {
    expect(country([range], peer)).toBe('SG');
    expect(country(['198.51.100.0/24', range], peer)).toBe('SG');
  });

  it.each([
    ['10.0.0.0/8', '11.0.0.1'],
    ['10.0.0.1', '10.0.0.2'],
    ['2001:db8::/32', '2001:db9::1'],
    ['2001:db8::1', '2001:db8::2'],
    ['0.0.0.0/0', '2001:db8::1'],
    ['::/7', '10.0.0.1'],
    ['::/7', '::ffff:10.0.0.1'],
    ['::ffff:10.0.0.0/104', '11.0.0.1'],
    ['10.0.0.0/8', ''],
  ])('is not believed of a peer outside of %s at %s', (range, peer) => {
    expect(country([range], peer)).toBeUndefined();
  });

  it('is not believed of a peer that is gone', () => {
    const gone = { headers: { [HEADER]: 'SG' }, raw: { socket: {} } } as unknown as FastifyRequest;
    expect(createCountryOf(HEADER, ['0.0.0.0/0'])(gone)).toBeUndefined();
  });

  it.each(['', 'sg', 'S', 'SGP', 'XSG', 'SG ', ['SG'], undefined, 65])(
    'is none of the form %j',
    (value) => {
      const countryOf = createCountryOf(HEADER, ['10.0.0.1']);
      expect(countryOf(request('', '10.0.0.1', { [HEADER]: value }))).toBeUndefined();
    },
  );

  it('is in no header that nobody configured', () => {
    const countryOf = createCountryOf(undefined, ['10.0.0.1']);
    expect(countryOf(request('', '10.0.0.1', { undefined: 'SG' }))).toBeUndefined();
  });
});
