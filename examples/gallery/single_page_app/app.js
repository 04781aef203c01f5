import { Refused, call, watch } from './session.js';

const element = (selector) => document.querySelector(selector);
let wasSignedIn = false;

/** What has happened, and the way on where there is one. */
function tell(message, wayOn) {
  element('#message').textContent = message;
  element('#way-on').hidden = !wayOn;
  if (wayOn) {
    const link = element('#way-on a');
    link.textContent = wayOn.text;
    link.href = wayOn.href;
  }
}

/** `sign_in` is an address of this app, made by it: it leads back to this page. */
function show({ signed_in, claims, sign_in, sign_out }) {
  for (const part of ['#who', '#sign-out', '#offers']) element(part).hidden = !signed_in;
  if (signed_in) {
    wasSignedIn = true;
    element('#who').textContent = claims.name ?? claims.username ?? claims.sub;
    element('#sign-out').action = sign_out;
    offers().catch(failed);
    return;
  }
  element('#offers ul').replaceChildren();
  const href = `${sign_in}?return_to=${encodeURIComponent(location.pathname)}`;
  tell(wasSignedIn ? 'You are signed out, or your session has ended.' : 'You are not signed in.', { text: 'Sign in', href });
}

async function offers() {
  const offered = await call('/api/shop/offers');
  const items = offered.map(({ name, price }) => {
    const item = document.createElement('li');
    for (const text of [name, price]) {
      const part = document.createElement('span');
      part.textContent = text; // Not innerHTML: it is whatever the API says.
      item.append(part);
    }
    return item;
  });
  element('#offers ul').replaceChildren(...items);
  tell(`${items.length} offers today.`);
}

async function order() {
  const button = element('#order');
  button.disabled = true;
  try {
    await call('/api/shop/orders', { method: 'POST' });
    tell('Ordered. Thank you!');
  } finally {
    button.disabled = false;
  }
}

/** An answer of the proxy says what it takes; nothing is sent anywhere by itself. */
function failed(error) {
  if (!(error instanceof Refused)) {
    tell(`That did not work: ${error.message}`);
  } else if (error.error === 'insufficient_user_authentication') {
    tell('To order, please confirm first that it is you.', { text: 'Confirm', href: error.sign_in });
  } else if (error.sign_in) {
    tell('Your session has ended.', { text: 'Sign in', href: error.sign_in });
    for (const part of ['#who', '#sign-out', '#offers']) element(part).hidden = true;
  } else {
    tell(`That did not work: ${error.message}. Reference: ${error.reference ?? 'none'}`);
  }
}

element('#order').addEventListener('click', () => order().catch(failed));
watch(show).catch(failed);
