//! Instances that do not fit the machine: requests that queue for them and for the store, with
//! the service times that were measured.
//!
//! Requests come at random moments (Poisson). Each goes to one of the instances, works there,
//! asks one node of the store, and works there again; instances and nodes have a processor each,
//! and serve first who came first. A service time is drawn from the exponential distribution
//! with the measured mean, which has longer ones than were seen.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What is simulated. Times in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct System {
    pub instances: usize,
    /// Processor time of an instance for each request.
    pub work: f64,
    /// Nodes of the store; none where sessions are in cookies.
    pub nodes: usize,
    /// Processor time of a node for each request.
    pub store: f64,
    /// The way to the store and back.
    pub network: f64,
}

const REQUESTS: usize = 40_000;

/// Of xorshift64*: the same numbers in every run.
struct Random(u64);

impl Random {
    /// Between 0, which it never is, and 1.
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        (bits as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -self.unit().ln() * mean
    }

    fn below(&mut self, bound: usize) -> usize {
        ((self.unit() * bound as f64) as usize).min(bound - 1)
    }
}

/// Where a request is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Arrives,
    AtStore,
    Returns,
}

impl System {
    /// How long 99 of 100 requests take at most, in microseconds, when so many come each second.
    pub fn p99(&self, per_second: f64) -> f64 {
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        let mut events = BinaryHeap::new();
        let mut began = Vec::with_capacity(REQUESTS);
        let mut now = 0.0;
        for request in 0..REQUESTS {
            now += random.exponential(1e6 / per_second);
            began.push(now);
            events.push(Reverse((nanoseconds(now), request, Step::Arrives)));
        }
        let places: Vec<_> = (0..REQUESTS)
            .map(|_| random.below(self.instances))
            .collect();
        let mut instances = vec![0.0_f64; self.instances];
        let mut nodes = vec![0.0_f64; self.nodes];
        let mut took = Vec::with_capacity(REQUESTS);
        let halves = if self.nodes == 0 { 1.0 } else { 2.0 };
        while let Some(Reverse((at, request, step))) = events.pop() {
            let at = at as f64 / 1e3;
            let mut serve = |free: &mut f64, mean: f64| {
                *free = free.max(at) + random.exponential(mean);
                *free
            };
            match step {
                Step::Arrives => {
                    let done = serve(&mut instances[places[request]], self.work / halves);
                    match self.nodes {
                        0 => took.push(done - began[request]),
                        _ => {
                            let there = nanoseconds(done + self.network / 2.0);
                            events.push(Reverse((there, request, Step::AtStore)));
                        }
                    }
                }
                Step::AtStore => {
                    // By the hash of its session, which is as good as chance.
                    let node = request % self.nodes;
                    let done = serve(&mut nodes[node], self.store);
                    let back = nanoseconds(done + self.network / 2.0);
                    events.push(Reverse((back, request, Step::Returns)));
                }
                Step::Returns => {
                    let done = serve(&mut instances[places[request]], self.work / halves);
                    took.push(done - began[request]);
                }
            }
        }
        took.sort_by(f64::total_cmp);
        took[took.len() * 99 / 100]
    }

    /// How many requests a second it serves so that 99 of 100 take at most `limit` microseconds.
    pub fn capacity(&self, limit: f64) -> f64 {
        let mut most = self.instances as f64 * 1e6 / self.work;
        if self.nodes > 0 {
            most = most.min(self.nodes as f64 * 1e6 / self.store);
        }
        let (mut low, mut high) = (0.0, most);
        for _ in 0..12 {
            let middle = f64::midpoint(low, high);
            match self.p99(middle) <= limit {
                true => low = middle,
                false => high = middle,
            }
        }
        low
    }
}

/// Events are sorted by whole numbers.
fn nanoseconds(microseconds: f64) -> u64 {
    (microseconds * 1e3) as u64
}
