'use strict';

const element = (id) => document.getElementById(id);
let wasSignedIn = false;

/** Calls the API with the session's cookie. Null when nobody is signed in. */
async function call(path, options = {}) {
  const answer = await fetch(path, { headers: { Accept: 'application/json' }, ...options });
  if (answer.status === 401) {
    // Never signed in, signed out in another tab, or the session has expired. Only a navigation
    // can sign in, and the user decides when: they may have typed something here.
    show(false, wasSignedIn ? 'Your session has ended. Sign in to go on.' : 'You are not signed in.');
    return null;
  }
  const body = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw new Error(body.error ?? answer.statusText);
  return body;
}

function show(isSignedIn, message) {
  wasSignedIn ||= isSignedIn;
  element('signed-in').hidden = !isSignedIn;
  element('signed-out').hidden = isSignedIn;
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
  show(true, items.length ? `${items.length} in your cart.` : 'Your cart is empty.');
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
