import { type Introspection, probeIntrospection } from '../auth/introspection.ts';
import type { Provider } from '../auth/provider.ts';
import { createVerifier } from '../auth/verifier.ts';
import { causeOf, describeCause } from '../causes.ts';
import type { Config } from '../config/config.ts';

const MAX_CLOCK_SECONDS = 5;

/** One thing that the service needs, and what to do when it is not there. */
export type Finding = { check: string; ok: boolean; detail: string; fix?: string };

/** Whether the keys of every provider can be had, or the introspection endpoint answers. */
export async function checkKeys({ auth }: Config): Promise<Finding> {
  if (auth.introspection) return checkIntrospection(auth.introspection);
  const { providers } = auth;
  let failure: unknown;
  const verifier = await createVerifier(providers, {
    cache() {},
    verified() {},
    jwksFetched(_issuer, _result, error) {
      failure ??= error;
    },
  });
  const ok = verifier.healthy();
  verifier.close();
  const check = 'keys';
  if (ok) return { check, ok, detail: `of ${providers.length} provider(s) can be used` };
  const urls = providers.flatMap(keySetUrls);
  return {
    check,
    ok,
    detail: `cannot be fetched; ${describeCause(causeOf(failure))}`,
    fix: `open ${urls.join(' and ')} from this machine: it must answer 200 with a key set or a discovery document within 2 s, without a redirect`,
  };
}

async function checkIntrospection(introspection: Introspection): Promise<Finding> {
  const check = 'keys';
  try {
    await probeIntrospection(introspection);
    return { check, ok: true, detail: 'the introspection endpoint answers' };
  } catch (error) {
    return {
      check,
      ok: false,
      detail: `the introspection endpoint does not answer; ${describeCause(causeOf(error))}`,
      fix: `check AUTH_INTROSPECTION_CLIENT_ID and its secret, and that ${introspection.url} answers 200 with JSON within 2 s, without a redirect`,
    };
  }
}

/** Where the keys of a provider come from by HTTP. */
function keySetUrls({ keys }: Provider): string[] {
  return keys.flatMap((key) => {
    if (key.kind === 'jwks') return [key.url];
    if (key.kind !== 'discovery') return [];
    return [`${key.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`];
  });
}

/** The Date header of the OpenID provider is the only other clock that we know of. */
export async function checkClock({ auth: { providers } }: Config): Promise<Finding> {
  const check = 'clock';
  const [url] = providers.flatMap(keySetUrls);
  if (url === undefined)
    return { check, ok: true, detail: 'not compared: no other clock is known' };
  try {
    const response = await fetch(url, {
      redirect: 'manual',
      signal: AbortSignal.timeout(2_000),
    });
    const theirs = Date.parse(response.headers.get('date') ?? '');
    if (Number.isNaN(theirs)) return { check, ok: true, detail: 'not compared: no Date header' };
    const seconds = Math.round((Date.now() - theirs) / 1000);
    const ok = Math.abs(seconds) <= MAX_CLOCK_SECONDS;
    const fix = ok
      ? {}
      : { fix: 'set the clock of this machine by NTP: ZEGO refuses tokens of the future' };
    return { check, ok, detail: `differs by ${seconds} s from the OpenID provider's`, ...fix };
  } catch {
    return { check, ok: true, detail: 'not compared: the OpenID provider does not answer' };
  }
}
