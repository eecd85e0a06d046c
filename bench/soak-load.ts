import { createPublicKey, randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { AUDIENCE, createSigner, ISSUER } from './requests.ts';

const TICK_MS = 50;
const ANSWER_MS = 30_000;
/** Refused when the key set was fetched for it, else asked to come again. */
const UNKNOWN_KEY = ['401 credential_invalid', '503 retry'] as const;

/** What one request should be answered with, and what it leaves behind in the service's memory. */
type Ask = {
  jwt: string;
  body: object;
  expected: readonly `${number} ${string}`[];
  authenticated: boolean;
};

/** Requests at a steady rate, each by a client that has never been seen before. */
export type SoakLoad = {
  /** The public key set that the requests are signed for. */
  jwks: object;
  sent(): number;
  /** Credentials that were verified, and clients that were counted, each of them a new one. */
  verified(): number;
  counted(): number;
  /** Answers that should have been others, by what they should have been and were. */
  wrong: Map<string, number>;
  /** Answers of a service that was too busy, as on a machine that does other work too. */
  shed(): number;
  start(port: number, perSecond: number): void;
  /** Sends nothing more and resolves when everything is answered. */
  stop(): Promise<void>;
  close(): void;
};

/** Of ten requests seven are granted; one each has an unknown key, a bad token and an unknown room. */
export function createSoakLoad(users: number): SoakLoad {
  const signer = createSigner('ES256');
  const key = createPublicKey(signer.publicKey ?? '').export({ format: 'jwk' });
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const wrong = new Map<string, number>();
  const pending = new Set<Promise<void>>();
  const count = { sent: 0, shed: 0, verified: 0, counted: 0 };
  let timer: NodeJS.Timeout | undefined;

  const ask = async (port: number, n: number) => {
    const { jwt, body, expected, authenticated } = makeAsk(signer.sign, n, n % users);
    const answer = await post(port, n % 100 === 0 ? undefined : agent, n, jwt, body);
    if (answer === '503 overloaded') {
      count.shed++;
      return;
    }
    count.counted += authenticated ? 2 : 1;
    if (authenticated) count.verified++;
    if (expected.some((one) => one === answer)) return;
    const what = `${expected.join(' or ')} was ${answer}`;
    wrong.set(what, (wrong.get(what) ?? 0) + 1);
  };

  return {
    jwks: { keys: [{ ...key, kid: 'soak', alg: 'ES256', use: 'sig' }] },
    sent: () => count.sent,
    verified: () => count.verified,
    counted: () => count.counted,
    wrong,
    shed: () => count.shed,
    start(port, perSecond) {
      let owed = 0;
      timer = setInterval(() => {
        for (owed += (perSecond * TICK_MS) / 1000; owed >= 1; owed--) {
          const asked: Promise<void> = ask(port, count.sent++).finally(() => pending.delete(asked));
          pending.add(asked);
        }
      }, TICK_MS);
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
    },
    close: () => agent.destroy(),
  };
}

type Sign = (claims: object, header?: object) => string;

function makeAsk(sign: Sign, n: number, user: number): Ask {
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: `user-${user}`, jti: n };
  const body = { roomId: `room-${user}`, videoId: `video-${user}` };
  const jwt = () => sign(claims, { kid: 'soak' });
  switch (n % 10) {
    case 7: {
      const stranger = sign(claims, { kid: randomBytes(12).toString('hex') });
      return { jwt: stranger, body, expected: UNKNOWN_KEY, authenticated: false };
    }
    case 8: {
      const bad =
        n % 20 === 8
          ? randomBytes(150).toString('base64url')
          : `${jwt().slice(0, -20)}${'A'.repeat(20)}`;
      return { jwt: bad, body, expected: ['401 credential_invalid'], authenticated: false };
    }
    case 9: {
      const elsewhere = { ...body, roomId: `nowhere-${n}` };
      return {
        jwt: jwt(),
        body: elsewhere,
        expected: ['403 room_not_allowed'],
        authenticated: true,
      };
    }
    default:
      return { jwt: jwt(), body, expected: ['200 issued'], authenticated: true };
  }
}

/** The status and code of the answer; what the connection said when there was none. */
function post(
  port: number,
  agent: Agent | undefined,
  n: number,
  jwt: string,
  body: object,
): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const headers = {
    authorization: `Bearer ${jwt}`,
    'content-type': 'application/json',
    'x-forwarded-for': addressOf(n),
  };
  const options = { port, host: '127.0.0.1', path: '/video-token', method: 'POST', headers };
  const failed = (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message);
  const signal = AbortSignal.timeout(ANSWER_MS);
  request({ ...options, signal, agent: agent ?? false }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', failed);
    response.on('end', () => {
      resolve(`${response.statusCode} ${codeOf(Buffer.concat(chunks).toString())}`);
    });
  })
    .on('error', failed)
    .end(JSON.stringify(body));
  return promise;
}

function codeOf(body: string): string {
  try {
    return JSON.parse(body).code ?? 'issued';
  } catch {
    return 'no JSON';
  }
}

/** A new address each time, every fourth of IPv6. */
function addressOf(n: number): string {
  const [a, b, c] = [n >> 16, (n >> 8) & 255, n & 255];
  if (n % 4 === 0) return `2001:db8:${(n >> 16).toString(16)}:${(n & 0xffff).toString(16)}::1`;
  return `10.${a & 255}.${b}.${c}`;
}
