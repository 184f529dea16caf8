//! What configurations mean for VRRP and mail, and that the model, written down as a
//! configuration, means the same again.

mod addresses;
mod announcing;
mod behaviour;
mod delivery;
mod dump;
mod keys;
mod process;
mod routing;
mod words;

use ipvsd::config::diagnostic::Style;
use ipvsd::config::model::{Model, VrrpInstance};
use ipvsd::config::{self, Loaded, Sources};
use ipvsd::vrrp::settings::InstanceSettings;

fn load(text: &str) -> Loaded {
    config::parse(Sources::from_text("test.conf", text))
}

/// The model of a text that has to be fine.
fn model(text: &str) -> Model {
    let loaded = load(text);
    let report = loaded.diagnostics.render(Style::Plain);
    loaded
        .model
        .unwrap_or_else(|| panic!("{report}\n---\n{text}"))
}

/// An instance with nothing but what it has to have, and these words.
fn instance(words: &str) -> VrrpInstance {
    model(&text_of(words)).vrrp_instances.remove(0)
}

/// The settings of an instance with these words.
fn settings(words: &str) -> InstanceSettings {
    instance(words).settings
}

/// A configuration with an instance of IPv4 that has these words.
fn text_of(words: &str) -> String {
    text_with(words, "10.0.0.80")
}

/// The same with these addresses.
fn text_with(words: &str, addresses: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\ninterface eth0\nvirtual_router_id 51\n{words}\n\
         virtual_ipaddress {{\n{addresses}\n}}\n}}\n"
    )
}

/// The settings of an instance of IPv6 with these words.
fn settings6(words: &str) -> InstanceSettings {
    model(&text_with(words, "fe80::80"))
        .vrrp_instances
        .remove(0)
        .settings
}

/// The settings of an instance that has these words beside these of `global_defs`.
fn settings_under(global: &str, words: &str) -> InstanceSettings {
    let text = format!("global_defs {{\n{global}\n}}\n{}", text_of(words));
    model(&text).vrrp_instances.remove(0).settings
}

/// What is told of a text: code, colon, message; a line each.
fn told(text: &str) -> Vec<String> {
    let loaded = load(text);
    let list = loaded.diagnostics.list().iter();
    list.map(|told| format!("{}: {}", told.code.name(), told.message))
        .collect()
}
