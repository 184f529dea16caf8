//! What follows from what is said elsewhere, in words that no dump has, in parentheses.

use std::collections::BTreeMap;

use super::super::facts::{Facts, switch};

/// Marks the checks that name a session which is for instances alone.
pub fn not_for_checks(facts: &mut Facts, name: &str) {
    for words in facts.0.values_mut() {
        let is = |word: &str, value: &str| words.get(word).is_some_and(|it| it == value);
        if is("method", "BFD_CHECK") && is("name", name) {
            words.insert("(its session)".to_owned(), "for instances alone".to_owned());
        }
    }
}

/// Of everything.
pub fn conclude(facts: &mut Facts) {
    let mut groups: Vec<Vec<String>> = Vec::new();
    for (thing, words) in &facts.0 {
        if thing.starts_with("vrrp_sync_group ") {
            let names = words.keys().filter_map(|word| word.strip_prefix("group "));
            groups.push(names.map(|name| format!("vrrp_instance {name}")).collect());
        }
    }
    for group in groups {
        for thing in &group {
            facts.say(thing, "(in a group)", "yes");
        }
    }
    for words in facts.0.values_mut() {
        // Flags by their numbers are those that the scheduler has names for.
        let scheduler = words.get("lvs_sched").cloned().unwrap_or_default();
        for (flag, name) in [("flag-1", "fallback"), ("flag-2", "port")] {
            if ["sh", "mh"].contains(&scheduler.as_str()) && words.contains_key(flag) {
                words.insert(format!("{scheduler}-{name}"), "on".to_owned());
            }
        }
        // No process is what is asked for.
        if words.get("quorum_max").is_some_and(|most| most == "0") {
            words.entry("quorum".to_owned()).or_insert("0".to_owned());
        }
    }
    defaults_of_instances(facts);
    let has = |words: &BTreeMap<String, String>, start: &str| {
        words.keys().any(|word| word.starts_with(start))
    };
    let instances = facts.0.iter_mut();
    for (_, words) in instances.filter(|(thing, _)| thing.starts_with("vrrp_instance ")) {
        let is_unicast = has(words, "unicast_peer ");
        words.insert("(unicast)".to_owned(), switch(is_unicast).to_owned());
    }
}

/// What global words, groups and trackers mean for an instance.
fn defaults_of_instances(facts: &mut Facts) {
    let said = |facts: &Facts, thing: &str, word: &str| -> Option<String> {
        facts
            .0
            .get(thing)
            .and_then(|words| words.get(word))
            .cloned()
    };
    let things: Vec<String> = facts.0.keys().cloned().collect();
    let tells = "notify_priority_changes";
    let all = said(facts, "global_defs", "vrrp_notify_priority_changes");
    for thing in &things {
        if thing.starts_with("vrrp_sync_group ") {
            let words = facts.0[thing].clone();
            let names = words.keys().filter_map(|word| word.strip_prefix("group "));
            for name in names {
                let instance = format!("vrrp_instance {name}");
                if let (Some(value), None) = (words.get(tells), said(facts, &instance, tells)) {
                    facts.say(&instance, tells, value);
                }
            }
        }
    }
    for thing in things.iter().filter(|thing| thing.starts_with("vrrp_")) {
        let is_instance = thing.starts_with("vrrp_instance ");
        if let (true, None, Some(all)) = (is_instance, said(facts, thing, tells), &all) {
            facts.say(thing, tells, all);
        }
        if let (true, Some(interface)) = (
            is_instance && said(facts, "global_defs", "lvs_sync_daemon inst").is_none(),
            said(facts, thing, "lvs_sync_daemon_interface"),
        ) {
            let name = thing.trim_start_matches("vrrp_instance ");
            facts.say("global_defs", "lvs_sync_daemon interface", &interface);
            facts.say("global_defs", "lvs_sync_daemon inst", name);
            facts.say("global_defs", "lvs_sync_daemon id", "0");
        }
        // Where a weight is said, but not which way it goes, that is as in the tracker.
        for (word, weight) in facts.0[thing].clone() {
            let Some((kind, name)) = word.split_once(' ') else {
                continue;
            };
            let of = match kind {
                "track_script" => "vrrp_script",
                "track_file" => "track_file",
                "track_process" => "vrrp_track_process",
                _ => continue,
            };
            let tracker = said(facts, &format!("{of} {name}"), "weight");
            let is_reverse = tracker.is_some_and(|weight| weight.ends_with(" reverse"));
            if is_reverse && weight.parse::<i32>().is_ok() {
                facts.say(thing, &word, &format!("{weight} reverse"));
            }
        }
    }
    let inst = said(facts, "global_defs", "lvs_sync_daemon inst");
    if let (Some(inst), None) = (inst, said(facts, "global_defs", "lvs_sync_daemon id")) {
        let id = said(facts, &format!("vrrp_instance {inst}"), "virtual_router_id");
        facts.say("global_defs", "lvs_sync_daemon id", &id.unwrap_or_default());
    }
}
