/** The value of the choice to be nobody. */
export const NOBODY = '';

// So short that a visitor sees the token being renewed; a real app gives its users longer ones.
const SESSION_SECONDS = 70;

/** The app's own sign-in: the demo gives a credential to whoever names a user. */
export async function signIn(user: string): Promise<string> {
  if (user === NOBODY) return '';
  const response = await fetch('/sign-in', {
    method: 'POST',
    body: JSON.stringify({ user, seconds: SESSION_SECONDS }),
  });
  const { credential } = await response.json();
  return credential;
}
