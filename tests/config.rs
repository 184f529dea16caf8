//! What configurations mean.

use std::time::Duration;

use ipvsd::config::model::{CheckSpec, Model};
use ipvsd::config::{self, Sources};

/// The model of a text that has to be fine.
fn model(text: &str) -> Model {
    let loaded = config::parse(Sources::from_text("test.conf", text));
    let report = loaded.diagnostics.render(config::diagnostic::Style::Plain);
    loaded.model.unwrap_or_else(|| panic!("{report}"))
}

#[test]
fn a_small_cluster() {
    let model = model(
        "! a comment
global_defs {
    router_id lvs1
}
virtual_server 10.0.0.1 80 {
    delay_loop 6
    lb_algo wrr # another
    lb_kind DR
    persistence_timeout 50
    protocol TCP
    sorry_server 10.0.0.9 80
    real_server 10.0.0.2 80{
        weight 3
        TCP_CHECK { connect_timeout 1.5 }
    }
    real_server 10.0.0.3 80
    {
    }
}
",
    );
    assert_eq!(model.files, ["test.conf"]);
    assert_eq!(model.global.router_id.as_deref(), Some("lvs1"));
    let [virtual_server] = model.virtual_servers.as_slice() else {
        panic!("{model:#?}");
    };
    assert_eq!(virtual_server.key.to_string(), "[10.0.0.1]:tcp:80");
    assert_eq!(virtual_server.scheduler.name(), "wrr");
    assert_eq!(virtual_server.persistence_timeout, Some(50));
    let [first, second] = virtual_server.real_servers.as_slice() else {
        panic!("{virtual_server:#?}");
    };
    assert_eq!((first.weight.0, second.weight.0), (3, 1));
    assert_eq!((first.origin.line, second.origin.line), (12, 16));
    let check = &first.checks[0];
    assert!(matches!(check.spec, CheckSpec::Tcp(_)));
    assert_eq!(check.timing.timeout, Duration::from_millis(1500));
    assert_eq!(check.timing.delay_loop, Duration::from_secs(6));
    assert_eq!(second.checks, []);
}
