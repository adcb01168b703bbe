//! Counts for Prometheus, in the OpenMetrics text format (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
//!
//! Counters that happen here are kept here; what others know (connected agents, commits) is asked for when a scrape comes.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// What a scrape wants to know from others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Observed {
    /// Connected agents.
    pub connected: u64,
    /// Enrolled endpoints.
    pub endpoints: u64,
    /// Questions that take answers.
    pub open: u64,
    /// Answers of endpoints that were merged and stored since this start.
    pub answers: u64,
    /// Transactions of the store.
    pub commits: u64,
    /// Jobs in them.
    pub jobs: u64,
    /// Jobs that failed.
    pub failures: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

/// The server's counters.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: Histogram,
    followers: Gauge,
    connected: Gauge,
    endpoints: Gauge,
    open: Gauge,
    questions: Counter,
    totals: Mutex<Totals>,
}

/// Counters whose truth is elsewhere; each scrape adds what came since the last.
struct Totals {
    answers: Counter,
    commits: Counter,
    jobs: Counter,
    failures: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("cordon");
        let requests = Family::<RequestLabels, Counter>::default();
        registry.register(
            "http_requests",
            "HTTP requests by method, route and status",
            requests.clone(),
        );
        let seconds = Histogram::new([0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0]);
        registry.register(
            "http_request_seconds",
            "Time until a reply began",
            seconds.clone(),
        );
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::<i64>::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let followers = gauge("followers", "Open streams that follow an answer");
        let connected = gauge("agents_connected", "Agents connected now");
        let endpoints = gauge("endpoints", "Endpoints enrolled");
        let open = gauge("questions_open", "Questions that take answers");
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::<u64>::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let questions = counter("questions", "Questions asked since the start");
        let totals = Totals {
            answers: counter("answers", "Answers of endpoints merged and stored"),
            commits: counter("store_commits", "Transactions committed by the store"),
            jobs: counter("store_jobs", "Changes committed in them"),
            failures: counter("store_failures", "Changes that failed and were undone"),
        };
        Self {
            registry,
            requests,
            seconds,
            followers,
            connected,
            endpoints,
            open,
            questions,
            totals: Mutex::new(totals),
        }
    }
}

impl Metrics {
    /// Counts a request.
    pub fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        let labels = RequestLabels {
            // Methods are the client's words; only those the server knows become label values.
            method: match method {
                "GET" | "POST" | "PUT" | "DELETE" | "HEAD" => method.to_owned(),
                _ => "other".to_owned(),
            },
            route: route.to_owned(),
            status,
        };
        self.requests.get_or_create(&labels).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Counts a question that was asked.
    pub fn question(&self) {
        self.questions.inc();
    }

    /// Counts a follower for as long as the guard lives.
    #[must_use]
    pub fn follower(&self) -> Follower {
        self.followers.inc();
        Follower(self.followers.clone())
    }

    /// The text of a scrape.
    pub fn scrape(&self, observed: Observed) -> Result<String, std::fmt::Error> {
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.connected.set(signed(observed.connected));
        self.endpoints.set(signed(observed.endpoints));
        self.open.set(signed(observed.open));
        let totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        for (counter, now) in [
            (&totals.answers, observed.answers),
            (&totals.commits, observed.commits),
            (&totals.jobs, observed.jobs),
            (&totals.failures, observed.failures),
        ] {
            counter.inc_by(now.saturating_sub(counter.get()));
        }
        drop(totals);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// An open stream; see [`Metrics::follower`].
pub struct Follower(Gauge);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_tells_what_was_counted_and_what_others_know() {
        let metrics = Metrics::default();
        metrics.request("GET", "/healthz", 200, Duration::from_millis(1));
        metrics.request("BREW", "other", 404, Duration::from_millis(1));
        let follower = metrics.follower();
        let observed = Observed {
            connected: 3,
            commits: 7,
            ..Observed::default()
        };
        metrics.scrape(observed).expect("encodes");
        let text = metrics.scrape(observed).expect("encodes");
        for line in [
            "cordon_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"} 1",
            "cordon_http_requests_total{method=\"other\",route=\"other\",status=\"404\"} 1",
            "cordon_agents_connected 3",
            "cordon_store_commits_total 7",
            "cordon_followers 1",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        drop(follower);
        assert!(
            metrics
                .scrape(observed)
                .expect("encodes")
                .contains("cordon_followers 0")
        );
    }
}
