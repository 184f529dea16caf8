//! Two directors that share an address, and a client who asks all the time.

use std::time::Duration;

use crate::cluster::{Cluster, Family, Method, Plan};
use crate::daemon::{Daemon, Program};
use crate::director::Director;
use crate::lab::{Lab, millis, secs};
use crate::requests::{Answers, Requests};
use crate::vrrp::{Instance, web_service};

/// The address that clients use.
pub const VIP: &str = "10.0.0.80";
/// What everything but the protocol's own waiting may take.
pub const REST: Duration = millis(300);
/// For what has no bound of its own.
pub const LONG: Duration = secs(20);

pub struct Pair<'a> {
    lab: &'a Lab,
    cluster: &'a Cluster<'a>,
    pub one: Daemon<'a>,
    pub two: Daemon<'a>,
    pub instances: [Instance; 2],
}

/// Two web servers that answer, and so many directors on which nothing runs yet.
pub fn cluster(lab: &Lab, method: Method, directors: usize) -> Cluster<'_> {
    let cluster = Plan::new(method, Family::V4)
        .directors(directors)
        .vrrp()
        .build(lab);
    for web in &cluster.web {
        web.start_nginx();
    }
    cluster
}

pub fn directors<'a, 'lab>(cluster: &'a Cluster<'lab>) -> [&'a Director<'lab>; 2] {
    let [director1, director2] = cluster.two_directors();
    [director1, director2]
}

impl<'a> Pair<'a> {
    /// Both run, the first is master, and the client is served.
    pub fn start(
        lab: &'a Lab,
        cluster: &'a Cluster<'a>,
        instances: [Instance; 2],
        [first, second]: [Program; 2],
    ) -> Self {
        let [director1, director2] = directors(cluster);
        let one = director1.start_as(first, &conf(cluster, &instances[0]));
        one.wait_for_state("VI_1", "MASTER", LONG);
        let two = director2.start_as(second, &conf(cluster, &instances[1]));
        two.wait_for_state("VI_1", "BACKUP", LONG);
        cluster.expect_holder(VIP, director1, LONG);
        // Where the address goes, the web servers are known to be well.
        two.wait_for_log("success", LONG);
        cluster.client.wait_for_answer(cluster.vip(80), LONG);
        Self {
            lab,
            cluster,
            one,
            two,
            instances,
        }
    }

    /// The configuration of the first (0) or second (1) director.
    pub fn conf(&self, number: usize) -> String {
        conf(self.cluster, &self.instances[number])
    }

    /// Something happens while the client asks: the address goes from one director to
    /// another, or stays where it is, and everybody knows.
    pub fn during(&self, what: &str, holders: [&Director; 2], act: impl FnOnce()) -> Answers {
        self.cluster.expect_holder(VIP, holders[0], LONG);
        self.cluster.teach_neighbours(VIP, holders[0], "eth0");
        let requests = self.ask();
        requests.wait_for_answers(10, LONG);
        self.follow(what, requests, holders[1], act)
    }

    /// The same where both have it at first, and others know of the one only that they
    /// cannot reach: there is no answer before something has been done.
    pub fn during_split(
        &self,
        what: &str,
        [before, after]: [&Director; 2],
        act: impl FnOnce(),
    ) -> Answers {
        self.cluster.teach_neighbours(VIP, before, "eth0");
        self.follow(what, self.ask(), after, act)
    }

    fn ask(&self) -> Requests {
        Requests::start(self.lab, &self.cluster.client, self.cluster.vip(80))
    }

    fn follow(
        &self,
        what: &str,
        requests: Requests,
        after: &Director,
        act: impl FnOnce(),
    ) -> Answers {
        self.lab.note(what);
        act();
        requests.wait_for_answers(10, LONG);
        self.cluster.expect_neighbours(VIP, after, "eth0");
        requests.stop()
    }

    /// The longest that the client may be without answers when the first director
    /// falls silent.
    pub fn bound(&self) -> Duration {
        self.instances[1].master_down_interval() + REST
    }

    /// Fails when the client was without answers for longer than this.
    #[track_caller]
    pub fn check(&self, answers: &Answers, bound: Duration) {
        let lasted = answers.assert_no_outage_longer_than(bound);
        self.lab
            .note(format!("no answer for {lasted:?} of {bound:?}"));
    }
}

fn conf(cluster: &Cluster, instance: &Instance) -> String {
    instance.conf() + &web_service(cluster.method)
}
