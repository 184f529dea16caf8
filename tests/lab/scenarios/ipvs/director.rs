//! What the scenarios of this folder have at hand: a director without a daemon, and
//! values in few words.

use ipvsd::lvs::types::{
    Destination, DestinationKey, ForwardingMethod, Protocol, Service, ServiceFlags, ServiceKey,
};
use ipvsd::lvs::{Entry, IpvsOp, Keeper, Note, OpError, Step, Table, reconcile};
use ipvsd::moment::Moment;
use ipvsd::sys::ipvs::{Ipvs, OpenError};

use crate::ipvs_watch::IpvsWatch;
use crate::lab::Lab;
use crate::net::Namespace;
use crate::table::{difference, normalise, sorted};

/// A namespace with routes to where the real servers of these tests would be.
pub struct Director {
    pub namespace: Namespace,
}

impl Director {
    pub fn new(_lab: &Lab) -> Self {
        Self::named("director")
    }

    pub fn named(name: &str) -> Self {
        let namespace = Namespace::create(name);
        namespace.ip("link add d0 type dummy\n\
             link set d0 up\n\
             addr add 10.0.0.1/8 dev d0\n\
             addr add fd00::1/64 dev d0\n");
        Self { namespace }
    }

    pub fn with_ipvs<T: Send>(&self, act: impl AsyncFnOnce(&mut Ipvs) -> T + Send) -> T {
        self.namespace.enter(|| {
            block_on(async {
                let mut ipvs = Ipvs::open().await.unwrap_or_else(|e| panic!("{e}"));
                act(&mut ipvs).await
            })
        })
    }

    pub fn open_error(&self) -> OpenError {
        let open = || block_on(async { Ipvs::open().await.err().expect("refused") });
        self.namespace.enter(open)
    }

    pub fn execute(&self, ops: Vec<IpvsOp>) -> Vec<Result<(), OpError>> {
        self.with_ipvs(async move |ipvs| ipvs.execute(&ops).await)
    }

    pub fn dump_all(&self) -> Table {
        self.with_ipvs(async |ipvs| ipvs.dump_all().await).unwrap()
    }

    /// Makes the table so, by what is different.
    #[track_caller]
    pub fn program(&self, wanted: &Table) {
        let owned = wanted.services.keys().copied().collect();
        let ops = reconcile(wanted, &self.dump_all(), &owned);
        for (op, result) in ops.iter().zip(self.execute(ops.clone())) {
            result.unwrap_or_else(|e| panic!("{op}: {e}"));
        }
    }

    /// Steps of the keeper at one moment until it waits.
    pub fn keep(&self, keeper: &mut Keeper, now: Moment) -> Vec<Note> {
        self.with_ipvs(async move |ipvs| {
            let mut notes = Vec::new();
            loop {
                match keeper.next(now) {
                    Step::Dump(keys) => notes.extend(keeper.dumped(now, ipvs.dump(&keys).await)),
                    Step::Execute(ops) => {
                        let results = ipvs.execute(&ops).await;
                        let results = ops.into_iter().zip(results).collect();
                        notes.extend(keeper.executed(now, results));
                    }
                    Step::Wait(_) => return notes,
                }
            }
        })
    }

    pub fn watch(&self, lab: &Lab) -> IpvsWatch {
        IpvsWatch::start(&self.namespace, lab.started())
    }

    pub fn save(&self) -> Vec<String> {
        sorted(normalise(&self.namespace.sh("ipvsadm -Sn")))
    }

    #[track_caller]
    pub fn expect(&self, lines: &[&str]) {
        let actual = self.save();
        let wanted = sorted(lines.iter().map(|line| line.to_string()).collect());
        assert!(wanted == actual, "\n{}", difference(&wanted, &actual));
    }

    /// The same where connection limits count, which `ipvsadm -S` does not print.
    #[track_caller]
    pub fn expect_options(&self, lines: &[&str]) -> Vec<String> {
        let without_limits = |line: &&str| match line.find(" -x ") {
            Some(at) => line[..at].to_owned(),
            None => line.to_string(),
        };
        let wanted: Vec<_> = lines.iter().map(without_limits).collect();
        self.expect(&wanted.iter().map(String::as_str).collect::<Vec<_>>());
        self.save()
    }
}

pub fn block_on<T>(act: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(act)
}

pub fn tcp(address: &str, port: u16) -> ServiceKey {
    ServiceKey::Address {
        protocol: Protocol::Tcp,
        address: address.parse().unwrap(),
        port,
    }
}

pub fn server(address: &str) -> DestinationKey {
    DestinationKey {
        address: address.parse().unwrap(),
        port: 80,
    }
}

pub fn service(scheduler: &str) -> Service {
    Service {
        scheduler: scheduler.to_owned(),
        flags: ServiceFlags(0),
        persistence: None,
    }
}

pub fn dr(weight: u32) -> Destination {
    Destination {
        method: ForwardingMethod::DirectRouting,
        weight,
        upper_threshold: 0,
        lower_threshold: 0,
    }
}

pub type Described = (ServiceKey, Service, Vec<(DestinationKey, Destination)>);

pub fn table(services: impl IntoIterator<Item = Described>) -> Table {
    let entry = |(key, service, servers): Described| {
        let destinations = servers.into_iter().collect();
        (
            key,
            Entry {
                service,
                destinations,
            },
        )
    };
    Table {
        services: services.into_iter().map(entry).collect(),
    }
}
