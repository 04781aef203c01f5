// The route of benches/load under the guards of other libraries, set up as their own
// documentation does: node app.js express|logto|openid-connect, configured by the environment.
//
// One process, as the app it is compared with has one worker. NODE_ENV is `production`.

import { handleAuthRoutes, withLogto } from '@logto/express';
import cookieParser from 'cookie-parser';
import express from 'express';
import openid from 'express-openid-connect';
import session from 'express-session';

const { PORT, BASE_URL, ENDPOINT, APP_ID, APP_SECRET, SECRET_KEY, NODE_ENV } = process.env;
if (NODE_ENV !== 'production') throw new Error('NODE_ENV is not production');

const app = express();
const sub = (claims) => ({ sub: claims.sub });

const kinds = {
  // The same route without a guard: what Express itself takes.
  express() {
    app.get('/json', (_, response) => response.json({ sub: 'alice4hy6kz2' }));
  },

  // https://docs.logto.io/quick-starts/express
  logto() {
    const config = { endpoint: ENDPOINT, appId: APP_ID, appSecret: APP_SECRET, baseUrl: BASE_URL };
    app.use(cookieParser());
    app.use(session({
      secret: SECRET_KEY,
      cookie: { maxAge: 14 * 24 * 60 * 60 * 1000 },
      resave: false,
      saveUninitialized: true,
    }));
    app.use(handleAuthRoutes(config));
    app.get('/json', withLogto(config), ({ user }, response) =>
      user.isAuthenticated ? response.json(sub(user.claims)) : response.status(401).end());
  },

  // https://github.com/auth0/express-openid-connect/blob/master/EXAMPLES.md
  'openid-connect'() {
    app.use(openid.auth({
      issuerBaseURL: `${ENDPOINT}/oidc`,
      baseURL: BASE_URL,
      clientID: APP_ID,
      clientSecret: APP_SECRET,
      secret: SECRET_KEY,
      authRequired: false,
      idTokenSigningAlg: 'ES384',
      authorizationParams: { response_type: 'code', scope: 'openid profile offline_access', prompt: 'consent' },
    }));
    app.get('/json', openid.requiresAuth(), ({ oidc }, response) => response.json(sub(oidc.user)));
  },
};

kinds[process.argv[2]]();
// Where both go after a sign-in.
app.get('/', (_, response) => response.end());
app.listen(Number(PORT), '127.0.0.1');
