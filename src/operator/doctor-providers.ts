import { probeIntrospection } from '../auth/introspection.ts';
import { createVerifier } from '../auth/verifier.ts';
import type { Config } from '../config/config.ts';
import { addressOf } from '../config/failures.ts';
import type { Introspection } from '../config/identity/introspection.ts';
import { causeOf, describeCause } from '../messages/causes.ts';
import { CLOCK_FIX, isClockRight } from '../time.ts';

type OnClock = (secondsAhead: number) => void;

/** The result of one check, with a fix if it failed. */
export type Finding = { check: string; ok: boolean; detail: string; fix?: string };

/** Checks the keys of all providers, or the introspection endpoint. */
export async function checkKeys({ auth }: Config, onClock: OnClock): Promise<Finding> {
  if (auth.introspection) return checkIntrospection(auth.introspection, onClock);
  const { providers } = auth;
  let failure: { error: unknown; url: string } | undefined;
  const verifier = await createVerifier(providers, {
    cache() {},
    verified() {},
    clockCompared: (_issuer, secondsAhead) => onClock(secondsAhead),
    jwksFetched(issuer, result, error, url = issuer) {
      if (result === 'error') failure ??= { error, url };
    },
  });
  const ok = verifier.healthy();
  verifier.close();
  const check = 'keys';
  if (ok) return { check, ok, detail: `of ${providers.length} provider(s) can be used` };
  const { error, url = '' } = failure ?? {};
  return {
    check,
    ok,
    detail: `of ${addressOf(url, '')} cannot be fetched; ${describeCause(causeOf(error))}`,
    fix: `open ${URL.parse(url)?.href} from this machine: it must answer 200 with a key set or a discovery document within 2 s, without a redirect`,
  };
}

async function checkIntrospection(
  introspection: Introspection,
  onClock: OnClock,
): Promise<Finding> {
  const check = 'keys';
  try {
    await probeIntrospection(introspection, onClock);
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

/** Compares our clock with the Date header of the identity provider. */
export function checkClock(secondsAhead: number | undefined): Finding {
  const check = 'clock';
  if (secondsAhead === undefined)
    return { check, ok: true, detail: 'not compared: no other clock is known' };
  const ok = isClockRight(secondsAhead);
  const detail = `differs by ${secondsAhead} s from the identity provider's`;
  return { check, ok, detail, ...(!ok && { fix: CLOCK_FIX }) };
}
