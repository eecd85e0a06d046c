import { expect, test } from 'vitest';
import { openApp } from '../support/app.ts';
import { ask, BODY } from '../support/ask.ts';
import { expectProblem } from '../support/problem.ts';

const HEADER = { countryHeader: 'cf-ipcountry' };
const body = { ...BODY, videoId: 'film_sg' };

test('a proxy of ours says the country, and the licence decides', async () => {
  const app = await openApp({ ...HEADER, trustProxy: ['127.0.0.0/8'] });
  const from = (country: string) => ask(app, { body, headers: { 'CF-IPCountry': country } });
  expect((await from('SG')).status).toBe(200);
  expectProblem(await from('FR'), 403, 'region_not_allowed', 'choose_another_video');
  expect(app.decisions.map(({ country }) => country)).toEqual(['SG', 'FR']);
});

test.each(['', 'sg', 'SGP', 'SG, SG', 'SG\tevil', 'XX', 'T1', '__proto__'])(
  'a country of the form "%s" is none of the licence',
  async (country) => {
    const app = await openApp({ ...HEADER, trustProxy: ['127.0.0.1'] });
    const answer = await ask(app, { body, headers: { 'cf-ipcountry': country } });
    expectProblem(answer, 403, 'region_not_allowed', 'choose_another_video');
    const [decision] = app.decisions;
    expect(decision?.country ?? '').toMatch(/^([A-Z]{2})?$/);
  },
);

test('a peer that is no proxy of ours cannot say the country', async () => {
  const app = await openApp({ ...HEADER, trustProxy: ['10.0.0.0/8', '2001:db8::/32'] });
  const headers = { 'cf-ipcountry': 'SG', 'x-forwarded-for': '10.0.0.1' };
  const answer = await ask(app, { body, headers });
  expectProblem(answer, 403, 'region_not_allowed', 'choose_another_video');
  expect(app.decisions).toMatchObject([{ ip: '127.0.0.1', country: undefined }]);
});

test('a header that nobody configured says nothing', async () => {
  const app = await openApp({ trustProxy: ['127.0.0.1'] });
  const answer = await ask(app, { body, headers: { 'cf-ipcountry': 'SG' } });
  expectProblem(answer, 403, 'region_not_allowed', 'choose_another_video');
});

test('the address of the client is what a proxy of ours says', async () => {
  const app = await openApp({ trustProxy: ['127.0.0.1'] });
  await ask(app, { headers: { 'x-forwarded-for': '203.0.113.9' } });
  expect(app.decisions).toMatchObject([{ ip: '203.0.113.9' }]);
});
