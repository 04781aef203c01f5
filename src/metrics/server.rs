//! The port of its own. Not a second Rocket: that would set the log level of the whole
//! process anew and log each scrape.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rocket::Shutdown;
use rocket::tokio::net::{TcpListener, TcpStream};
use rocket::tokio::task::JoinSet;
use rocket::tokio::time::sleep;

use super::{Exporter, FORMAT, key};

/// More than the Prometheus servers of an app, and few enough to cost it nothing.
const MOST_CONNECTIONS: usize = 16;
/// How long a request may take to come, and a connection to be idle.
const PATIENCE: Duration = Duration::from_secs(30);
/// After a connection could not be accepted: out of file descriptors, most likely.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers until the app stops, and then cuts what is open.
pub async fn serve(listener: TcpListener, exporter: Exporter, mut shutdown: Shutdown) {
    let exporter = Arc::new(exporter);
    let mut connections = JoinSet::new();
    loop {
        rocket::tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => {
                match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(converse(exporter.clone(), stream));
                    }
                    Err(_) => sleep(PAUSE).await,
                }
            }
        }
    }
    connections.shutdown().await;
}

async fn converse(exporter: Arc<Exporter>, stream: TcpStream) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer(&exporter, &request);
        async { Ok::<_, Infallible>(answer) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    // Who does not wait for the answer is nobody's concern here.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

fn answer(exporter: &Exporter, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let mut sent = request.headers().get_all(AUTHORIZATION).iter();
    let credentials = sent.next().filter(|_| sent.next().is_none());
    let credentials = credentials.and_then(|value| value.to_str().ok());
    let is_asked = [Method::GET, Method::HEAD].contains(request.method());
    let (status, text) = match request.uri().path() {
        _ if !exporter.may_have_it(credentials) => (StatusCode::UNAUTHORIZED, String::new()),
        "/metrics" if is_asked => (StatusCode::OK, exporter.recorder.render()),
        _ => (StatusCode::NOT_FOUND, String::new()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORMAT));
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static(key::CHALLENGE);
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    response
}
