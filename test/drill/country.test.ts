import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BALANCERS, type Balancer, startBalancer } from '../support/balancer.ts';
import { temporaryFolder } from '../support/folder.ts';
import { signFreshJwt } from '../support/jwt.ts';
import { describeWith } from '../support/program.ts';
import { type Service, startService } from '../support/service.ts';

const LICENSED_FOR_SINGAPORE = { roomId: 'room', videoId: 'film_sg' };
const LICENSED_EVERYWHERE = { roomId: 'room', videoId: 'film' };
const DENIED = { status: 403, code: 'region_not_allowed' };

/** Names that CDNs, cloud load balancers and proxies with GeoIP give the header. */
const NAMES = [
  'CF-IPCountry',
  'CloudFront-Viewer-Country',
  'X-AppEngine-Country',
  'X-Vercel-IP-Country',
  'X-Client-Country',
  'X-Country',
  'X-Country-Code',
  'X-Geo-Country',
  'X-GeoIP-Country-Code',
];

const EDGE = '127.0.0.2';
const STRANGER = '127.0.0.3';

type Headers = Record<string, string | string[]>;
type Answer = {
  status: number | undefined;
  code: string | undefined;
  requestId: string | string[] | undefined;
};

/** Asks for a token through a load balancer, from an address of loopback. */
async function ask(
  port: number,
  body: object,
  headers: Headers = {},
  localAddress = STRANGER,
): Promise<Answer> {
  const sent = request({
    ...{ method: 'POST', path: '/video-token', host: '127.0.0.1', port, localAddress },
    headers: {
      ...{ 'Content-Type': 'application/json', Authorization: `Bearer ${await signFreshJwt()}` },
      ...headers,
    },
  });
  sent.end(JSON.stringify(body));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const { code } = (await json(response)) as { code?: string };
  // A machine that is busy while the service starts: the request was shed, and nothing decided.
  if (code === 'overloaded') return ask(port, body, headers, localAddress);
  return { status: response.statusCode, code, requestId: response.headers['x-request-id'] };
}

/** Spellings of one header that says Singapore. */
function spellings(name: string): Headers[] {
  const odd = name.replace(/./g, (letter, index) =>
    index % 2 ? letter.toUpperCase() : letter.toLowerCase(),
  );
  return [
    { [name]: 'SG' },
    { [name]: ['SG', 'SG'] },
    { [name]: ['', 'SG'] },
    { [name.toLowerCase()]: 'SG', [name]: 'SG' },
    { [odd]: 'SG' },
    { [name.replaceAll('-', '_')]: 'SG' },
    { [name]: 'SG', Connection: `close, ${name}` },
  ];
}

/** The file with the line that lists the edge's addresses switched on. */
function withEdge(text: string): string {
  const changed = text.replace(/^( *)#(.*)192\.0\.2\.0\/24/m, `$1$2${EDGE}`);
  expect(changed).not.toBe(text);
  return changed;
}

for (const kind of BALANCERS) {
  describeWith(kind.program, `deploy/${kind.file}`, () => {
    describe.each(NAMES)('with COUNTRY_HEADER=%s', (name) => {
      const { balancer, decision } = useBalancer(name);

      it('passes no country on that a client sends', async () => {
        const { port } = balancer();
        expect(await ask(port, LICENSED_EVERYWHERE)).toMatchObject({ status: 200 });
        for (const headers of spellings(name)) {
          const answer = await ask(port, LICENSED_FOR_SINGAPORE, headers);
          expect([headers, answer]).toMatchObject([headers, DENIED]);
          expect(await decision(answer)).not.toHaveProperty('country');
        }
      });
    });

    describe('with an edge in front that sets CF-IPCountry', () => {
      const { balancer, decision } = useBalancer('CF-IPCountry', withEdge);
      const address = '203.0.113.9';
      const says = (country: string) => ({
        'CF-IPCountry': country,
        'CF-Connecting-IP': address,
      });

      it("passes the country and the client's address on from the addresses of the edge", async () => {
        const from = (country: string) =>
          ask(balancer().port, LICENSED_FOR_SINGAPORE, says(country), EDGE);
        const singapore = await from('SG');
        expect(singapore).toMatchObject({ status: 200 });
        expect(await decision(singapore)).toMatchObject({ country: 'SG', ip: address });
        const france = await from('FR');
        expect(france).toMatchObject(DENIED);
        expect(await decision(france)).toMatchObject({ country: 'FR', ip: address });
      });

      it('passes neither on from any other address', async () => {
        for (const headers of spellings('CF-IPCountry')) {
          const forged = { ...says('SG'), ...headers, 'X-Forwarded-For': EDGE };
          const answer = await ask(balancer().port, LICENSED_FOR_SINGAPORE, forged);
          expect([headers, answer]).toMatchObject([headers, DENIED]);
          const line = await decision(answer);
          expect(line).toMatchObject({ ip: STRANGER });
          expect(line).not.toHaveProperty('country');
        }
      });
    });

    describe('with an edge in front that sets another header than COUNTRY_HEADER', () => {
      const { balancer } = useBalancer('X-Country', withEdge);

      it('passes no country on from the edge, which leaves that header to the client', async () => {
        const headers = { 'X-Country': 'SG', 'CF-IPCountry': 'FR' };
        const answer = await ask(balancer().port, LICENSED_FOR_SINGAPORE, headers, EDGE);
        expect(answer).toMatchObject(DENIED);
      });
    });

    /** A service that reads the country from a header, behind the load balancer. */
    function useBalancer(header: string, edit?: (text: string) => string) {
      const folder = temporaryFolder();
      let service: Service;
      let balancer: Balancer;
      beforeAll(async () => {
        service = await startService({ COUNTRY_HEADER: header, TRUST_PROXY: '127.0.0.1' });
        balancer = await startBalancer(kind, [service.port], folder.path, edit);
      });
      afterAll(async () => {
        await balancer?.stop();
        await service.stop();
        folder.remove();
      });
      return {
        balancer: () => balancer,
        decision: ({ requestId }: Answer) => service.line((line) => line.requestId === requestId),
      };
    }
  });
}
