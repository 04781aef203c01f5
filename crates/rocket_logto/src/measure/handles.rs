//! The metrics themselves. Their handles are looked up once: a lookup for each event would
//! cost more than many of the events.

use std::marker::PhantomData;
use std::sync::OnceLock;
use std::time::Instant;

use metrics::{Counter, Gauge, Histogram, Unit};

use super::{
    Answer, Cache, Caller, Ended, Endpoint, Found, Label, LogoutToken, Lookup, Proxied, Refetch,
    Refresh, SignIn, StoreAnswer, StoreCall, Webhook,
};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations, in seconds.
    Histogram,
}

/// One metric, with the names of its labels and all that they may say.
#[cfg_attr(not(any(test, feature = "_internals")), allow(dead_code))]
#[derive(Clone, Debug)]
pub struct Metric {
    /// With unit and suffix, as Prometheus has it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// A sentence.
    pub help: &'static str,
    /// Each label with all its values.
    pub labels: Vec<(&'static str, Vec<&'static str>)>,
}

pub(super) struct Handles {
    pub sign_ins_begun: One,
    pub sign_ins: Family<SignIn>,
    pub refreshes: Family<Refresh>,
    pub provider_requests: Pairs<Endpoint, Answer>,
    pub provider_seconds: Times<Endpoint>,
    pub provider_in_flight: Gauge,
    pub token_lookups: Pairs<Cache, Found>,
    pub session_lookups: Family<Lookup>,
    pub sessions_ended: Family<Ended>,
    pub callers: Family<Caller>,
    pub proxied: Family<Proxied>,
    pub key_refetches: Family<Refetch>,
    pub logout_tokens: Family<LogoutToken>,
    pub webhooks: Family<Webhook>,
    pub store_requests: Pairs<StoreCall, StoreAnswer>,
    pub store_seconds: Times<StoreCall>,
    #[cfg_attr(not(any(test, feature = "_internals")), allow(dead_code))]
    pub listed: Vec<Metric>,
}

/// Those of the process. They go to the recorder that is installed at the first call, which
/// is at lift-off.
pub(super) fn all() -> &'static Handles {
    static ALL: OnceLock<Handles> = OnceLock::new();
    ALL.get_or_init(Handles::of_the_recorder)
}

/// All there is, for the tests of the repository.
#[cfg(feature = "_internals")]
pub fn listed() -> &'static [Metric] {
    &all().listed
}

impl Handles {
    /// Of the recorder that is installed now.
    pub(super) fn of_the_recorder() -> Handles {
        let mut list = List::default();
        let sign_ins_begun = list.one(
            "rocket_logto_sign_ins_begun_total",
            "Browsers sent to the provider to sign in.",
        );
        let sign_ins = list.family(
            "rocket_logto_sign_ins_total",
            "outcome",
            "Sign-ins that are over, well or not.",
        );
        let refreshes = list.family(
            "rocket_logto_refreshes_total",
            "outcome",
            "Refreshes of sessions at the provider.",
        );
        let provider_requests = list.pairs(
            "rocket_logto_provider_requests_total",
            ["endpoint", "outcome"],
            "Calls to the provider.",
        );
        let provider_seconds = list.times(
            "rocket_logto_provider_request_duration_seconds",
            "endpoint",
            "How long calls to the provider took, with the wait for their turn.",
        );
        let provider_in_flight = list.gauge(
            "rocket_logto_provider_requests_in_flight",
            "Calls to the provider that run or wait for their turn.",
        );
        let token_lookups = list.pairs(
            "rocket_logto_token_lookups_total",
            ["cache", "result"],
            "Tokens looked for before the provider is asked, or a signature is verified.",
        );
        let session_lookups = list.family(
            "rocket_logto_session_lookups_total",
            "result",
            "Requests whose session was looked for.",
        );
        let sessions_ended = list.family(
            "rocket_logto_sessions_ended_total",
            "cause",
            "Sessions that were ended. Those that expire are not noticed.",
        );
        let callers = list.family(
            "rocket_logto_bearer_total",
            "outcome",
            "Callers of the app's own API, let in or refused by Bearer.",
        );
        let proxied = list.family(
            "rocket_logto_proxy_requests_total",
            "outcome",
            "Requests to the proxies, by what became of them.",
        );
        let key_refetches = list.family(
            "rocket_logto_key_refetches_total",
            "outcome",
            "Tokens with an unknown key, for which the provider's keys are fetched again.",
        );
        let logout_tokens = list.family(
            "rocket_logto_logout_tokens_total",
            "outcome",
            "Logout tokens that were sent here.",
        );
        let webhooks = list.family(
            "rocket_logto_webhooks_total",
            "outcome",
            "Webhooks that were sent here.",
        );
        let store_requests = list.pairs(
            "rocket_logto_store_requests_total",
            ["operation", "outcome"],
            "Calls to the session store.",
        );
        let store_seconds = list.times(
            "rocket_logto_store_request_duration_seconds",
            "operation",
            "How long calls to the session store took.",
        );
        Handles {
            sign_ins_begun,
            sign_ins,
            refreshes,
            provider_requests,
            provider_seconds,
            provider_in_flight,
            token_lookups,
            session_lookups,
            sessions_ended,
            callers,
            proxied,
            key_refetches,
            logout_tokens,
            webhooks,
            store_requests,
            store_seconds,
            listed: list.0,
        }
    }
}

/// Makes metrics, and remembers which.
#[derive(Default)]
struct List(Vec<Metric>);

impl List {
    fn add(
        &mut self,
        name: &'static str,
        kind: Kind,
        help: &'static str,
        labels: Vec<(&'static str, Vec<&'static str>)>,
    ) {
        match kind {
            Kind::Counter => metrics::describe_counter!(name, Unit::Count, help),
            Kind::Gauge => metrics::describe_gauge!(name, Unit::Count, help),
            Kind::Histogram => metrics::describe_histogram!(name, Unit::Seconds, help),
        }
        self.0.push(Metric {
            name,
            kind,
            help,
            labels,
        });
    }

    fn one(&mut self, name: &'static str, help: &'static str) -> One {
        self.add(name, Kind::Counter, help, Vec::new());
        One(begun(metrics::counter!(name)))
    }

    fn gauge(&mut self, name: &'static str, help: &'static str) -> Gauge {
        self.add(name, Kind::Gauge, help, Vec::new());
        let gauge = metrics::gauge!(name);
        gauge.set(0.0);
        gauge
    }

    fn family<A: Label>(
        &mut self,
        name: &'static str,
        key: &'static str,
        help: &'static str,
    ) -> Family<A> {
        self.add(name, Kind::Counter, help, vec![(key, values::<A>())]);
        let counter = |of: &A| begun(metrics::counter!(name, key => of.value()));
        Family(A::ALL.iter().map(counter).collect(), PhantomData)
    }

    fn pairs<A: Label, B: Label>(
        &mut self,
        name: &'static str,
        [first, second]: [&'static str; 2],
        help: &'static str,
    ) -> Pairs<A, B> {
        let labels = vec![(first, values::<A>()), (second, values::<B>())];
        self.add(name, Kind::Counter, help, labels);
        let all = A::ALL
            .iter()
            .flat_map(|a| B::ALL.iter().map(move |b| (a, b)));
        let counter = |(a, b): (&A, &B)| {
            begun(metrics::counter!(name, first => a.value(), second => b.value()))
        };
        Pairs(all.map(counter).collect(), PhantomData)
    }

    fn times<A: Label>(
        &mut self,
        name: &'static str,
        key: &'static str,
        help: &'static str,
    ) -> Times<A> {
        self.add(name, Kind::Histogram, help, vec![(key, values::<A>())]);
        let histogram = |of: &A| metrics::histogram!(name, key => of.value());
        Times(A::ALL.iter().map(histogram).collect(), PhantomData)
    }
}

fn values<A: Label>() -> Vec<&'static str> {
    A::ALL.iter().map(|label| label.value()).collect()
}

/// There from the start: the first event is a step from nought, not the first of a series.
fn begun(counter: Counter) -> Counter {
    counter.increment(0);
    counter
}

/// A counter without labels.
pub(super) struct One(Counter);

impl One {
    pub(super) fn one(&self) {
        self.0.increment(1);
    }
}

/// A counter for each value of a label.
pub(super) struct Family<A>(Vec<Counter>, PhantomData<A>);

impl<A: Label> Family<A> {
    pub(super) fn one(&self, of: A) {
        if let Some(counter) = self.0.get(of.index()) {
            counter.increment(1);
        }
    }
}

/// A counter for each pair of values of two labels.
pub(super) struct Pairs<A, B>(Vec<Counter>, PhantomData<(A, B)>);

impl<A: Label, B: Label> Pairs<A, B> {
    pub(super) fn one(&self, a: A, b: B) {
        if let Some(counter) = self.0.get(a.index() * B::ALL.len() + b.index()) {
            counter.increment(1);
        }
    }
}

/// A histogram for each value of a label.
pub(super) struct Times<A>(Vec<Histogram>, PhantomData<A>);

impl<A: Label> Times<A> {
    fn record(&self, of: A, began: Instant) {
        if let Some(histogram) = self.0.get(of.index()) {
            histogram.record(began.elapsed());
        }
    }
}

/// A call that runs. One that is dropped has been abandoned.
pub(super) struct Running<A: Label, B: Label> {
    of: A,
    began: Instant,
    answer: B,
    requests: &'static Pairs<A, B>,
    seconds: &'static Times<A>,
    in_flight: Option<&'static Gauge>,
}

pub(super) fn provider_call(endpoint: Endpoint) -> Running<Endpoint, Answer> {
    let handles = all();
    handles.provider_in_flight.increment(1.0);
    Running {
        of: endpoint,
        began: Instant::now(),
        answer: Answer::Abandoned,
        requests: &handles.provider_requests,
        seconds: &handles.provider_seconds,
        in_flight: Some(&handles.provider_in_flight),
    }
}

pub(super) fn store_call(call: StoreCall) -> Running<StoreCall, StoreAnswer> {
    let handles = all();
    Running {
        of: call,
        began: Instant::now(),
        answer: StoreAnswer::Abandoned,
        requests: &handles.store_requests,
        seconds: &handles.store_seconds,
        in_flight: None,
    }
}

impl<A: Label, B: Label> Running<A, B> {
    pub(super) fn end(mut self, answer: B) {
        self.answer = answer;
    }
}

impl<A: Label, B: Label> Drop for Running<A, B> {
    fn drop(&mut self) {
        self.requests.one(self.of, self.answer);
        self.seconds.record(self.of, self.began);
        if let Some(gauge) = self.in_flight {
            gauge.decrement(1.0);
        }
    }
}
