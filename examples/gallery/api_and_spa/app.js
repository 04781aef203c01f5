'use strict';

const element = (id) => document.getElementById(id);
let wasSignedIn = false;

/** Calls the API with the session's cookie. Null when nobody is signed in. */
async function call(path, options = {}) {
  const answer = await fetch(path, { headers: { Accept: 'application/json' }, ...options });
  if (answer.status === 401) {
    showSignedOut();
    return null;
  }
  const body = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw new Error(body.error ?? answer.statusText);
  return body;
}

/** Nobody is signed in yet; or they have signed out in another tab, or the session has expired.
 *  Only a navigation can sign in, and this page stays as it is: somebody may be typing here. */
function showSignedOut() {
  element('signed-out').hidden = false;
  element('sign-in').target = wasSignedIn ? '_blank' : '';
  element('message').textContent = wasSignedIn
    ? 'Your session has ended. Sign in in another tab, and try again here: nothing is lost.'
    : 'You are not signed in.';
}

function showSignedIn(message) {
  wasSignedIn = true;
  element('signed-in').hidden = false;
  element('signed-out').hidden = true;
  element('message').textContent = message;
}

async function load() {
  const cart = await call('/api/cart');
  if (!cart) return;
  const items = cart.items.map((name) => {
    const item = document.createElement('li');
    item.textContent = name; // Not innerHTML: it is whatever somebody typed.
    return item;
  });
  element('items').replaceChildren(...items);
  showSignedIn(items.length ? `${items.length} in your cart.` : 'Your cart is empty.');
}

async function add(event) {
  event.preventDefault();
  const name = new FormData(element('add')).get('name');
  // The browser says by itself that the request is from this origin.
  const added = await call('/api/cart', { method: 'POST', body: JSON.stringify({ name }) });
  if (!added) return;
  element('add').reset();
  await load();
}

const failed = (error) => { element('message').textContent = `That did not work: ${error.message}`; };
element('add').addEventListener('submit', (event) => add(event).catch(failed));
load().catch(failed);
