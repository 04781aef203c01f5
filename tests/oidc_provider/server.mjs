// A real OpenID provider that knows nothing of Logto and shares no code with the library: npm `oidc-provider`.
// Listens on a port of its own choice and prints one line of JSON with its `issuer` and `port`.
//
// REDIRECT_URI, POST_LOGOUT_REDIRECT_URI   required: the one client's addresses
// BACKCHANNEL_LOGOUT_URI                   where logout tokens are sent; none by default
// ID_TOKEN_ALG                             RS256 (default) or ES384
// ACCESS_TOKEN_TTL                         seconds, 3600 by default
// FAPI                                     anything: the FAPI 2.0 profile, with DPoP nonces demanded; ID tokens in ES256
// CLIENT_JWK, MACHINE_JWK                  public keys of the two clients, as JSON: they have no secret then, and prove
//                                          themselves by private_key_jwt. What they post is printed, a line for each

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider, errors } from 'oidc-provider';

// The clients of tests/support/npm_provider.rs. Each of the secret's odd characters changes when
// it is form-urlencoded, as client_secret_basic asks for (RFC 6749, 2.3.1).
const CLIENT_ID = 'rocket-logto-tests';
const CLIENT_SECRET = 'a secret+with:every%odd&character';
const RESOURCE = 'https://shopping.example.com/api';
const RESOURCE_SCOPES = 'read:cart write:cart';
// An application that calls APIs in nobody's name, and an API whose tokens are opaque.
const MACHINE_ID = 'rocket-logto-machine';
const MACHINE_SECRET = 'another secret+with:every%odd&character';
const OPAQUE_RESOURCE = 'https://orders.example.com/api';
const OPAQUE_RESOURCE_SCOPES = 'read:orders';

const environment = (name, fallback) => {
  const value = process.env[name] ?? fallback;
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};
const redirectUri = environment('REDIRECT_URI');
const postLogoutRedirectUri = environment('POST_LOGOUT_REDIRECT_URI');
const backchannelLogoutUri = environment('BACKCHANNEL_LOGOUT_URI', '');
const idTokenAlg = environment('ID_TOKEN_ALG', 'RS256');
const clientJwk = JSON.parse(environment('CLIENT_JWK', 'null'));
const machineJwk = JSON.parse(environment('MACHINE_JWK', 'null'));
const isFapi = environment('FAPI', '') !== '';
const accessTokenTtl = Number(environment('ACCESS_TOKEN_TTL', '3600'));

const signingKey = async (alg) => {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, use: 'sig' };
};

const credentials = (secret, jwk) => jwk
  ? { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } }
  : { token_endpoint_auth_method: 'client_secret_basic', client_secret: secret };

const findAccount = (_ctx, sub) => ({
  accountId: sub,
  claims: () => ({
    sub,
    name: `Test ${sub}`,
    preferred_username: sub,
    picture: `https://pictures.example.com/${sub}.png`,
    email: `${sub}@example.com`,
    email_verified: true,
  }),
});

const getResourceServerInfo = (_ctx, indicator) => {
  if (indicator === OPAQUE_RESOURCE) {
    return {
      scope: OPAQUE_RESOURCE_SCOPES,
      audience: OPAQUE_RESOURCE,
      accessTokenFormat: 'opaque',
      accessTokenTTL: accessTokenTtl,
    };
  }
  if (indicator !== RESOURCE) throw new errors.InvalidTarget();
  return {
    scope: RESOURCE_SCOPES,
    audience: RESOURCE,
    accessTokenFormat: 'jwt',
    accessTokenTTL: accessTokenTtl,
    jwt: { sign: { alg: idTokenAlg } },
  };
};

const configuration = {
  clients: [
    {
      client_id: CLIENT_ID,
      ...credentials(CLIENT_SECRET, clientJwk),
      client_name: 'The tests of rocket_logto',
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [postLogoutRedirectUri],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
      ...(isFapi && { dpop_bound_access_tokens: true }),
      id_token_signed_response_alg: idTokenAlg,
      ...(backchannelLogoutUri && {
        backchannel_logout_uri: backchannelLogoutUri,
        backchannel_logout_session_required: true,
      }),
    },
    {
      client_id: MACHINE_ID,
      ...credentials(MACHINE_SECRET, machineJwk),
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
      ...(isFapi && { dpop_bound_access_tokens: true }),
      id_token_signed_response_alg: idTokenAlg,
    },
  ],
  jwks: { keys: await Promise.all((isFapi ? ['ES256'] : ['RS256', 'ES384']).map(signingKey)) },
  enabledJWA: {
    idTokenSigningAlgValues: isFapi ? ['ES256'] : ['RS256', 'ES384'],
    clientAuthSigningAlgValues: ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA'],
  },
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
  cookies: { keys: ['a key of the tests'] },
  findAccount,
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username', 'picture'],
    email: ['email', 'email_verified'],
  },
  scopes: ['openid', 'offline_access', ...RESOURCE_SCOPES.split(' '), OPAQUE_RESOURCE_SCOPES],
  pkce: { required: () => true },
  ttl: { AccessToken: accessTokenTtl },
  features: {
    devInteractions: { enabled: true },
    userinfo: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true },
    clientCredentials: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    backchannelLogout: { enabled: true },
    ...(isFapi && {
      fapi: { enabled: true, profile: '2.0' },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
    }),
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => false,
      getResourceServerInfo,
    },
  },
  // Logout tokens go to this machine, which the default refuses.
  fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }),
};

// The issuer names the port, so the port comes first.
const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();
const issuer = `http://localhost:${port}`;
const provider = new Provider(issuer, configuration);
for (const event of ['server_error', 'backchannel.error', 'authorization.error', 'grant.error']) {
  provider.on(event, (_ctx, error) => console.error(event, error?.error_description ?? error));
}
if (clientJwk || machineJwk) {
  provider.use(async (ctx, next) => {
    await next();
    if (!ctx.oidc?.body || !ctx.oidc.client) return;
    const { path, headers: { authorization = null }, oidc: { body } } = ctx;
    const posted = JSON.stringify({ path, authorization, form: Object.entries(body) });
    // Not as it is: the tests look for tokens in what processes print.
    console.log(`posted ${Buffer.from(posted).toString('base64')}`);
  });
}
server.on('request', provider.callback());
console.log(JSON.stringify({ issuer, port }));
