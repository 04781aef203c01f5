//! The answer's body on its way to the browser, as it comes.
//!
//! Rocket 0.5 ends a body whose source breaks as if it were whole, and HTTP/1.1 has no other
//! sign of that than a length. So what has none is read for a moment first: most answers are
//! whole by then, get their length, and break visibly. Of what is longer, the log has the end.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rocket::futures::stream::{BoxStream, StreamExt};
use rocket::tokio::io::{AsyncRead, ReadBuf};
use rocket::tokio::time::{Instant, Sleep, sleep, timeout_at};

use super::failure::{Failure, Kind};
use super::upload::Pump;
use crate::measure::{self, Proxied};
use crate::oidc::http::describe;

/// In bytes: what is longer flows at once.
const READ_AHEAD: usize = 64 * 1024;
/// For which an answer without a length is read before it flows.
const MOMENT: Duration = Duration::from_millis(50);

type Piece = Vec<u8>;

pub(super) struct Download<'r> {
    pieces: BoxStream<'r, Result<Piece, String>>,
    pump: Option<Pump<'r>>,
    /// What is here and not read yet. Its first piece has been read up to `read`.
    here: VecDeque<Piece>,
    read: usize,
    idle: Duration,
    patience: Pin<Box<Sleep>>,
    is_waiting: bool,
    /// For the log.
    source: Arc<str>,
}

/// What there is after a moment.
pub(super) enum Beginning<'r> {
    Whole(Vec<u8>),
    Endless(Download<'r>),
    Broken(String),
}

impl<'r> Download<'r> {
    pub(super) fn new(
        answer: reqwest::Response,
        pump: Option<Pump<'r>>,
        idle: Duration,
        source: Arc<str>,
    ) -> Download<'r> {
        let pieces = answer.bytes_stream();
        let pieces = pieces.map(|piece| match piece {
            Ok(piece) => Ok(piece.to_vec()),
            Err(error) => Err(describe(&error)),
        });
        Download {
            pieces: pieces.boxed(),
            pump,
            here: VecDeque::new(),
            read: 0,
            idle,
            patience: Box::pin(sleep(idle)),
            is_waiting: false,
            source,
        }
    }

    /// Reads for a moment.
    pub(super) async fn begin(mut self) -> Beginning<'r> {
        // The upstream wants the rest of the body before it goes on.
        if self.pump.is_some() {
            return Beginning::Endless(self);
        }
        let end = Instant::now() + MOMENT;
        let mut length = 0;
        while length < READ_AHEAD {
            match timeout_at(end, self.pieces.next()).await {
                Ok(Some(Ok(piece))) => {
                    length += piece.len();
                    self.here.push_back(piece);
                }
                Ok(Some(Err(why))) => return Beginning::Broken(why),
                Ok(None) => return Beginning::Whole(self.here.into_iter().flatten().collect()),
                Err(_) => break,
            }
        }
        Beginning::Endless(self)
    }

    fn broken(&mut self, why: &str) -> io::Error {
        measure::proxied(Proxied::BrokenOff);
        Failure::of_upstream(Kind::Unusable, format!("{}: {why}", self.source)).log();
        io::Error::other("the upstream breaks off")
    }
}

impl AsyncRead for Download<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(pump) = &mut this.pump
            && pump.as_mut().poll(context).is_ready()
        {
            this.pump = None;
        }
        loop {
            if let Some(piece) = this.here.front() {
                let rest = &piece[this.read..];
                let fits = rest.len().min(buffer.remaining());
                buffer.put_slice(&rest[..fits]);
                this.read += fits;
                if this.read >= piece.len() {
                    (this.read, _) = (0, this.here.pop_front());
                }
                if fits > 0 {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            match this.pieces.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(piece))) => {
                    this.is_waiting = false;
                    this.here.push_back(piece);
                }
                Poll::Ready(Some(Err(why))) => {
                    let why = format!("breaks off its answer: {why}");
                    return Poll::Ready(Err(this.broken(&why)));
                }
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    // A browser that was slow to read is not the upstream's fault.
                    if !this.is_waiting {
                        this.is_waiting = true;
                        this.patience.as_mut().reset(Instant::now() + this.idle);
                    }
                    ready!(this.patience.as_mut().poll(context));
                    let why = format!("sends nothing more for {:?} (logto.proxy.idle)", this.idle);
                    return Poll::Ready(Err(this.broken(&why)));
                }
            }
        }
    }
}
