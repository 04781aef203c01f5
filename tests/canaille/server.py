"""Canaille from PyPI, with one user and one client, all of it in memory.

PORT                                     where it listens; its issuer is http://localhost:PORT
REDIRECT_URI, POST_LOGOUT_REDIRECT_URI   the client's addresses
CLIENT_ID, CLIENT_SECRET, USER, PASSWORD as tests/support/canaille.rs has them
"""

import datetime
import logging
import os
import secrets

from canaille import create_app
from canaille.app import models
from canaille.backends.memory.backend import MemoryBackend
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

# Its log of requests has the ID token that a sign-out brings along.
logging.getLogger("werkzeug").setLevel(logging.WARNING)
environment = os.environ
port = int(environment["PORT"])
key = RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)
configuration = {
    "SECRET_KEY": secrets.token_hex(),
    "SERVER_NAME": f"localhost:{port}",
    "PREFERRED_URL_SCHEME": "http",
    "CANAILLE": {"JAVASCRIPT": False, "HTMX": False, "DATABASE": "memory"},
    "CANAILLE_OIDC": {"ACTIVE_JWKS": [key]},
}
backend = MemoryBackend(configuration)
app = create_app(configuration, backend=backend)

with app.app_context(), backend.session():
    user = models.User(
        user_name=environment["USER"],
        formatted_name="Alice Example",
        given_name="Alice",
        family_name="Example",
        emails=["alice@example.com"],
        password=environment["PASSWORD"],
    )
    backend.save(user)
    client = models.Client(
        client_id=environment["CLIENT_ID"],
        client_secret=environment["CLIENT_SECRET"],
        client_id_issued_at=datetime.datetime.now(datetime.timezone.utc),
        client_name="The tests of rocket_logto",
        contacts=["alice@example.com"],
        client_uri="http://localhost",
        redirect_uris=[environment["REDIRECT_URI"]],
        post_logout_redirect_uris=[environment["POST_LOGOUT_REDIRECT_URI"]],
        grant_types=["authorization_code", "refresh_token", "client_credentials"],
        response_types=["code"],
        scope=["openid", "profile", "email", "offline_access"],
        token_endpoint_auth_method="client_secret_basic",
    )
    backend.save(client)
    client.audience = [client]
    backend.save(client)

server = make_server("127.0.0.1", port, app, threaded=True)
print("ready", flush=True)
server.serve_forever()
