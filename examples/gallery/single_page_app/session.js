// Who is signed in, and calls in their name. No token ever gets here.

const elsewhere = new BroadcastChannel('session');
let session = { signed_in: false, header: { name: 'X-CSRF', value: '1' } };
let listener = () => {};
let end;

/** What a call got that is no answer of the API's: `error`, `sign_in`, `reference`. */
export class Refused extends Error {
  constructor(status, body) {
    super(body.error ?? `status ${status}`);
    Object.assign(this, body, { status });
  }
}

/** Calls `changed` with the session now, and whenever it is another one. */
export async function watch(changed) {
  listener = changed;
  // Another tab has signed in or out.
  elsewhere.addEventListener('message', () => look().catch(console.error));
  // The tab was in the background, or the computer asleep.
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) look().catch(console.error);
  });
  // Back from the provider by the browser's back button.
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) look().catch(console.error);
  });
  await look({ slide: true });
  // After a sign-in, and after a sign-out, the browser comes back here.
  elsewhere.postMessage('look');
}

/** Asks again. It does not count as using the session, or a page that is left open would keep
 *  it alive for ever. */
export async function look({ slide = false } = {}) {
  const answer = await fetch(`/session.json?slide=${slide}`);
  const body = await answer.json();
  if (!answer.ok) throw new Refused(answer.status, body);
  const before = session;
  session = body;
  clearTimeout(end);
  if (session.signed_in) {
    // Timers take no more than 2^31 ms.
    const left = Math.min(session.ends.idle.in + 1, 86_400);
    end = setTimeout(() => look().catch(console.error), left * 1000);
  }
  if (before.signed_in !== session.signed_in || before.claims?.sub !== session.claims?.sub || slide) {
    listener(session);
  }
}

/** Calls the API. Throws `Refused` for what it is not answered. */
export async function call(path, options = {}) {
  const { name, value } = session.header;
  const headers = { Accept: 'application/json', ...options.headers, [name]: value };
  const answer = await fetch(path, { ...options, headers });
  const isJson = answer.headers.get('Content-Type')?.includes('json');
  const body = isJson ? await answer.json() : {};
  if (!answer.ok) throw new Refused(answer.status, body);
  return body;
}
