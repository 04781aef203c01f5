//! The HTTP server: hyper on the loopback interface, and requests and answers
//! as the plain values of [`wire`](crate::wire).
//!
//! Not a second Rocket: Rocket sets the log level and the colours of the whole
//! process at each launch, and its request log does not say which of two Rockets
//! it speaks of.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, SERVER};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::authorize::authorize_as;
use crate::clients;
use crate::cors;
use crate::error::StartError;
use crate::pages;
use crate::provider::Provider;
use crate::routes::{self, Handler, Route};
use crate::wire::{Endpoint, Received, Reply};

/// A longer body is refused.
const BODY_LIMIT: usize = 1024 * 1024;

/// Listens on `127.0.0.1`, and on `[::1]` where there is one: to some clients
/// `localhost` is only that. Gives the listeners and their port.
pub(crate) async fn bind(wanted: u16) -> Result<(Vec<TcpListener>, u16), StartError> {
    let failed = |address, port| {
        move |source| StartError::Bind {
            address,
            port,
            source,
        }
    };
    let on = |address: IpAddr, port| TcpListener::bind((address, port));
    let v4 = on(Ipv4Addr::LOCALHOST.into(), wanted).await;
    let v4 = v4.map_err(failed("127.0.0.1", wanted))?;
    let port = v4.local_addr().map_err(failed("127.0.0.1", wanted))?.port();
    match on(Ipv6Addr::LOCALHOST.into(), port).await {
        Ok(v6) => Ok((vec![v4, v6], port)),
        // Browsers would find what else is there, not this provider.
        Err(error) if error.kind() == ErrorKind::AddrInUse && wanted != 0 => {
            Err(failed("[::1]", wanted)(error))
        }
        Err(error) => {
            log::debug!("development provider: not on [::1]:{port}: {error}");
            Ok((vec![v4], port))
        }
    }
}

/// Serves until `stop` changes or its sender is gone, then cuts what is open.
pub(crate) async fn serve(
    provider: Arc<Provider>,
    listeners: Vec<TcpListener>,
    stop: watch::Receiver<()>,
) {
    let mut loops = JoinSet::new();
    for listener in listeners {
        loops.spawn(accept(provider.clone(), listener, stop.clone()));
    }
    while loops.join_next().await.is_some() {}
}

async fn accept(provider: Arc<Provider>, listener: TcpListener, mut stop: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(provider.clone(), stream));
                }
                Err(error) => {
                    log::warn!("development provider: cannot accept a connection: {error}");
                    // Out of file descriptors, most likely: it passes.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
    connections.shutdown().await;
}

/// All requests of one connection.
async fn converse(provider: Arc<Provider>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        // A task of its own: what was begun is finished, even when the client
        // does not wait for it.
        let answer = tokio::spawn(answer(provider.clone(), request));
        async move {
            match answer.await {
                Ok(answer) => answer,
                Err(_) => response(pages::failed()),
            }
        }
    });
    let mut http = http1::Builder::new();
    // A client may keep a connection open as long as it likes.
    http.header_read_timeout(None);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        log::debug!("development provider: a connection ended early: {error}");
    }
}

/// Takes a request, waits if a hook says so, does what the endpoint does, and
/// lets a hook spoil the result.
async fn answer(
    provider: Arc<Provider>,
    request: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let Route {
        endpoint,
        handler: handle,
    } = routes::find(&provider, request.method().as_str(), request.uri().path());
    let (request, complete) = receive(endpoint, request).await?;
    provider.hooks.arrive(&request).await;
    clients::look_up(&provider, &request).await;
    let handle = match complete {
        true => handle,
        false => |_: &Provider, _: &Received| pages::too_large(),
    };
    response(reply(&provider, handle, &request))
}

/// The same for a request that no network has brought. It does not wait for hooks.
pub(crate) fn answer_at_once(provider: &Provider, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
    let (parts, body) = request.into_parts();
    let Route { endpoint, handler } =
        routes::find(provider, parts.method.as_str(), parts.uri.path());
    let request = received(endpoint, parts, body);
    in_memory(reply(provider, handler, &request))
}

/// The same for an authorization request whose user presses the button of an account.
pub(crate) fn answer_as(
    provider: &Provider,
    request: Request<Vec<u8>>,
    user: &str,
    auth_time: u64,
) -> Response<Vec<u8>> {
    let (parts, body) = request.into_parts();
    let request = received(Endpoint::Auth, parts, body);
    in_memory(authorize_as(provider, &request, user, auth_time))
}

fn in_memory(reply: Reply) -> Response<Vec<u8>> {
    written(reply).unwrap_or_else(|_| {
        let mut response = Response::new(Vec::new());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

fn reply(provider: &Provider, handle: Handler, request: &Received) -> Reply {
    let mut reply = match provider.check_page(request) {
        Ok(()) => handle(provider, request),
        Err(why) => pages::foreign(why),
    };
    if cors::is_open(request.endpoint) {
        reply = cors::opened(reply);
    }
    provider.keep_sessions();
    provider.hooks.edit_reply(provider, request, &mut reply);
    // Never the query: it holds codes, tokens and people's names.
    let (method, path) = (&request.method, &request.path);
    let (endpoint, status) = (request.endpoint, reply.status);
    log::debug!("development provider: {method} {path} -> {status} ({endpoint:?})");
    reply
}

/// The request as a value, and whether all of its body is there.
async fn receive(endpoint: Endpoint, request: Request<Incoming>) -> io::Result<(Received, bool)> {
    let (parts, mut incoming) = request.into_parts();
    let mut body = Vec::new();
    let mut complete = true;
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(io::Error::other)?;
        let data = frame.into_data().unwrap_or_default();
        let room = BODY_LIMIT - body.len();
        body.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            complete = false;
            break;
        }
    }
    Ok((received(endpoint, parts, body), complete))
}

fn received(endpoint: Endpoint, parts: Parts, body: Vec<u8>) -> Received {
    let pairs = |bytes: &[u8]| url::form_urlencoded::parse(bytes).into_owned().collect();
    let content_type = parts
        .headers
        .get(CONTENT_TYPE)
        .map(|value| value.as_bytes());
    let is_form = content_type.is_some_and(|value| {
        const FORM: &[u8] = b"application/x-www-form-urlencoded";
        let kind = value.split(|byte| *byte == b';').next().unwrap_or_default();
        kind.trim_ascii().eq_ignore_ascii_case(FORM)
    });
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.to_string(), value.into_owned())
    });
    Received {
        endpoint,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: pairs(parts.uri.query().unwrap_or_default().as_bytes()),
        headers: headers.collect(),
        form: if is_form { pairs(&body) } else { Vec::new() },
        body,
    }
}

fn response(reply: Reply) -> io::Result<Response<Full<Bytes>>> {
    written(reply).map(|response| response.map(Full::from))
}

fn written(reply: Reply) -> io::Result<Response<Vec<u8>>> {
    // Who finds the port taken can see by whom.
    let mut response = Response::builder()
        .status(reply.status)
        .header(SERVER, env!("CARGO_PKG_NAME"));
    for (name, value) in &reply.headers {
        if !name.eq_ignore_ascii_case(CONTENT_LENGTH.as_str()) {
            response = response.header(name, value);
        }
    }
    let response = response.body(reply.body);
    // A hook made it what HTTP cannot say: the connection ends without an answer.
    response.map_err(io::Error::other)
}
