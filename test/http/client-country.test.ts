import { expect, it } from 'vitest';
import { openApp } from '../support/app.ts';
import { ask, BODY } from '../support/ask.ts';
import { signJwt } from '../support/jwt.ts';
import { expectProblem } from '../support/problem.ts';
import { converse, rawRequest } from '../support/raw-http.ts';

const HEADER = { countryHeader: 'cf-ipcountry' };
const body = { ...BODY, videoId: 'film_sg' };

it('a proxy of ours says the country, and the licence decides', async () => {
  const app = await openApp({ ...HEADER, trustProxy: ['127.0.0.0/8'] });
  const from = (country: string) => ask(app, { body, headers: { 'CF-IPCountry': country } });
  expect((await from('SG')).status).toBe(200);
  expectProblem(await from('FR'), 403, 'region_not_allowed', 'choose_another_video');
  expect(app.decisions.map(({ country }) => country)).toEqual(['SG', 'FR']);
});

it.each(['', 'sg', 'SGP', 'SG, SG', 'SG\tevil', 'XX', 'T1', '__proto__'])(
  'a country of the form "%s" is none of the licence',
  async (country) => {
    const app = await openApp({ ...HEADER, trustProxy: ['127.0.0.1'] });
    const answer = await ask(app, { body, headers: { 'cf-ipcountry': country } });
    expectProblem(answer, 403, 'region_not_allowed', 'choose_another_video');
    const [decision] = app.decisions;
    expect(decision?.country ?? '').toMatch(/^([A-Z]{2})?$/);
  },
);

it.each([
  ['CF-IPCountry', 'CF-IPCountry'],
  ['CF-IPCountry', 'cf-ipcountry'],
  ['CF-IPCountry', 'CF-IPCOUNTRY'],
])('a country that is said twice, in %s and %s, is none', async (first, second) => {
  const app = await openApp({ ...HEADER, trustProxy: ['127.0.0.1'] });
  const text = JSON.stringify(body);
  const headers = [
    `Authorization: Bearer ${await signJwt()}`,
    'Content-Type: application/json',
    `Content-Length: ${text.length}`,
    `${first}: SG`,
    `${second}: SG`,
  ];
  const bytes = rawRequest('POST /video-token HTTP/1.1', headers, text);
  const [answer] = await converse(Number(URL.parse(app.origin)?.port), bytes);
  expect(answer).toMatchObject({ status: 403, body: { code: 'region_not_allowed' } });
  expect(app.decisions).toMatchObject([{ country: undefined }]);
});

it('a peer that is no proxy of ours cannot say the country', async () => {
  const app = await openApp({ ...HEADER, trustProxy: ['10.0.0.0/8', '2001:db8::/32'] });
  const headers = { 'cf-ipcountry': 'SG', 'x-forwarded-for': '10.0.0.1' };
  const answer = await ask(app, { body, headers });
  expectProblem(answer, 403, 'region_not_allowed', 'choose_another_video');
  expect(app.decisions).toMatchObject([{ ip: '127.0.0.1', country: undefined }]);
});

it('a header that nobody configured says nothing', async () => {
  const app = await openApp({ trustProxy: ['127.0.0.1'] });
  const answer = await ask(app, { body, headers: { 'cf-ipcountry': 'SG' } });
  expectProblem(answer, 403, 'region_not_allowed', 'choose_another_video');
});

it('the address of the client is what a proxy of ours says', async () => {
  const app = await openApp({ trustProxy: ['127.0.0.1'] });
  await ask(app, { headers: { 'x-forwarded-for': '203.0.113.9' } });
  expect(app.decisions).toMatchObject([{ ip: '203.0.113.9' }]);
});

it.each([
  ['203.0.113.9:4711, 10.0.0.1:443', '203.0.113.9'],
  ['203.0.113.9, [2001:db8:1::1]:443', '203.0.113.9'],
  ['[2001:db8:2::9]:4711, 10.0.0.1', '2001:db8:2::9'],
  ['203.0.113.9, ::ffff:10.0.0.1', '203.0.113.9'],
  ['::ffff:203.0.113.9, [::ffff:10.0.0.1]:443', '203.0.113.9'],
  ['198.51.100.1, 203.0.113.9:4711', '203.0.113.9'],
  ['203.0.113.9, unknown', '127.0.0.1'],
  ['203.0.113.9, 10.0.0.1:443:443', '127.0.0.1'],
])('trust is decided on addresses without their ports: %s', async (forwarded, ip) => {
  const app = await openApp({ trustProxy: ['127.0.0.1', '10.0.0.0/8', '2001:db8:1::/48'] });
  await ask(app, { headers: { 'x-forwarded-for': forwarded } });
  expect(app.decisions).toMatchObject([{ ip }]);
});
