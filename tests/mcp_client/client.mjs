// An MCP client as programs have it, by the official SDK: version 1, whose revisions of the
// protocol have sessions, or version 2, which asks the server for the newest. It does what its arguments say, one
// after the other, and prints what happens, one JSON object a line; never a code or a token.
//
//   tools            lists the tools
//   call:NAME:JSON   calls one, with these arguments
//   wait:MS          does nothing for so long
//   end              ends the session
//
// Where it needs its user it prints the address that the user's browser is to open, and listens
// on a port of its own for the answer.
//
//   SERVER_URL  the MCP server
//   MODERN      version 2 of the SDK
//   CLIENT_ID   the address of the document that describes it; without, it registers itself
//   OFFLINE     asks for a refresh token
//   SESSION_ID  goes on in this session, as somebody would who has got hold of its id

import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

const { SERVER_URL, MODERN, CLIENT_ID, OFFLINE, SESSION_ID } = process.env;

const { Client, StreamableHTTPClientTransport, UnauthorizedError } = MODERN
  ? await import('@modelcontextprotocol/client')
  : {
      ...(await import('@modelcontextprotocol/sdk/client/auth.js')),
      ...(await import('@modelcontextprotocol/sdk/client/index.js')),
      ...(await import('@modelcontextprotocol/sdk/client/streamableHttp.js')),
    };

const print = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));

// Where the browser comes back to (RFC 8252 section 7.3).
let cameBack;
const listener = createServer((request, response) => {
  const url = new URL(request.url, redirectUrl);
  response.end('You may close this window.');
  if (url.pathname === '/callback') cameBack?.(url.searchParams);
});
await new Promise((done) => listener.listen(0, '127.0.0.1', done));
const redirectUrl = `http://127.0.0.1:${listener.address().port}/callback`;

class User {
  #kept = {};
  #state;
  #answer;

  redirectUrl = redirectUrl;
  clientMetadata = {
    client_name: 'Test client',
    redirect_uris: [redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  };

  saveDiscoveryState(found) {
    this.#kept.discovery = found;
    const metadata = found.authorizationServerMetadata;
    print('discovered', {
      metadata: found.resourceMetadataUrl,
      resource: found.resourceMetadata?.resource,
      issuer: metadata?.issuer,
      documents: metadata?.client_id_metadata_document_supported,
      registration: metadata?.registration_endpoint,
    });
  }

  // Version 2 takes a code only from where it has sent the user.
  discoveryState() {
    return MODERN && this.#kept.discovery;
  }

  // The SDK takes a document at an https address only (`clientMetadataUrl`), which nobody has in
  // a test. A client whose id is known uses it in the same way.
  clientInformation(at) {
    return this.#kept.client ?? (CLIENT_ID && { client_id: CLIENT_ID, issuer: at?.issuer });
  }

  saveClientInformation(client) {
    this.#kept.client = client;
    print('client', { id: client.client_id, registered: client.client_id_issued_at !== undefined });
  }

  tokens() {
    return this.#kept.tokens;
  }

  saveTokens(tokens) {
    this.#kept.tokens = tokens;
    print('tokens', { scope: tokens.scope, refreshable: tokens.refresh_token !== undefined });
  }

  saveCodeVerifier(verifier) {
    this.#kept.verifier = verifier;
  }

  codeVerifier() {
    return this.#kept.verifier;
  }

  state() {
    return (this.#state = randomUUID());
  }

  redirectToAuthorization(url) {
    if (OFFLINE) {
      url.searchParams.set('scope', `${url.searchParams.get('scope')} offline_access`);
      url.searchParams.set('prompt', 'consent');
    }
    this.#answer = new Promise((resolve) => (cameBack = resolve));
    print('authorize', { url: url.href });
  }

  /** The code, once the browser has come back with it; all of the answer for version 2. */
  async code() {
    const answer = await this.#answer;
    if (answer.get('state') !== this.#state) throw new Error('not the state');
    print('came back', { issuer: answer.get('iss') });
    if (answer.has('error')) throw new Error(answer.get('error'));
    return MODERN ? answer : answer.get('code');
  }
}

const user = new User();
const client = new Client(
  { name: 'test-client', version: '1.0.0' },
  { versionNegotiation: { mode: 'auto' } },
);
client.onerror = () => {};
const newTransport = () =>
  new StreamableHTTPClientTransport(new URL(SERVER_URL), {
    authProvider: user,
    sessionId: SESSION_ID,
  });
let transport = newTransport();

/** Does it, and once more when the user had to be asked first. */
async function withUser(act) {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await transport.finishAuth(await user.code());
    return await act();
  }
}

const steps = {
  async tools() {
    const { tools } = await client.listTools();
    print('tools', { names: tools.map((tool) => tool.name) });
  },
  async call(name, ...json) {
    const result = await client.callTool({ name, arguments: JSON.parse(json.join(':')) });
    print('result', { tool: name, text: result.content[0].text, error: result.isError });
  },
  wait: (time) => wait(Number(time)),
  async end() {
    await transport.terminateSession();
    print('ended');
  },
};

try {
  // A transport begins once; with a session it sends no `initialize`.
  let begun = false;
  await withUser(async () => {
    if (begun) transport = newTransport();
    begun = true;
    await client.connect(transport);
  });
  const version = MODERN ? client.getNegotiatedProtocolVersion() : transport.protocolVersion;
  print('connected', { session: transport.sessionId, version });
  for (const step of process.argv.slice(2)) {
    const [name, ...rest] = step.split(':');
    await withUser(() => steps[name](...rest));
  }
  print('done');
} catch (error) {
  print('failed', { status: error.code, message: error.message });
}
await client.close();
listener.close();
listener.closeAllConnections();
