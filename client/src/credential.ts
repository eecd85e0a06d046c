import { VideoTokenError } from './error.ts';

/**
 * The JWT that your app gives its signed-in users, or how to come by it. The function is asked
 * before every request; with a refusal when the service did not take the one before. An empty text
 * says that nobody is signed in; what it throws counts as an outage, and is tried again later.
 */
export type Credential = string | ((refusal?: VideoTokenError) => string | Promise<string>);

/** Works with the credential; when the service refuses it, once more with a new one. */
export async function withCredential<T>(
  credential: Credential,
  work: (jwt: string) => Promise<T>,
): Promise<T> {
  const first = await read(credential);
  try {
    return await work(first);
  } catch (refusal) {
    if (!(refusal instanceof VideoTokenError) || refusal.action !== 'sign_in') throw refusal;
    const second = await read(credential, refusal);
    if (second === first) throw refusal;
    return work(second);
  }
}

async function read(credential: Credential, refusal?: VideoTokenError): Promise<string> {
  const jwt = typeof credential === 'string' ? credential : await askFor(credential, refusal);
  // Other characters would make fetch fail as if the network were down.
  if (typeof jwt === 'string' && /^[!-~]+$/.test(jwt)) return jwt;
  throw new VideoTokenError('The app has no credential for its user.', {
    code: 'credential_missing',
    action: 'sign_in',
  });
}

/** The app asks a backend of its own, which may fail, or the network on the way to it. */
async function askFor(credential: Exclude<Credential, string>, refusal?: VideoTokenError) {
  try {
    return await credential(refusal);
  } catch (cause) {
    if (cause instanceof VideoTokenError) throw cause;
    throw new VideoTokenError(`The app could not get a credential for its user: ${cause}`, {
      code: 'credential_unavailable',
      action: 'retry',
      cause,
    });
  }
}
