use super::*;

fn link(index: u32, name: &str) -> Notice {
    Notice::Link(Link {
        index,
        name: name.into(),
        is_up: true,
        hardware_address: Some([2, 0, 0, 0, 0, index as u8]),
        promotes_secondaries: Some(false),
        forwards_ipv6: false,
    })
}

fn address(text: &str, scope: u8, is_secondary: bool) -> Address {
    let (address, prefix) = text.split_once('/').unwrap();
    let address = address.parse().unwrap();
    Address {
        interface: 2,
        address,
        prefix: prefix.parse().unwrap(),
        peer: address,
        broadcast: None,
        scope,
        label: None,
        is_secondary,
        is_unusable: false,
    }
}

fn mirror(addresses: &[Address]) -> Mirror {
    let mut mirror = Mirror::default();
    mirror.apply(link(2, "eth0"));
    for address in addresses {
        mirror.apply(Notice::Address(address.clone()));
    }
    mirror
}

fn listed(mirror: &Mirror) -> Vec<String> {
    let facts = mirror.facts("eth0").unwrap();
    let text = |(address, prefix)| format!("{address}/{prefix}");
    facts.addresses.into_iter().map(text).collect()
}

#[test]
fn addresses_stand_in_the_kernels_order() {
    let mut mirror = mirror(&[
        address("10.0.0.1/24", 253, false),
        address("10.0.0.2/24", 253, true),
        address("10.1.0.1/24", 0, false),
        address("10.0.0.3/24", 253, true),
    ]);
    let in_order = ["10.0.0.1/24", "10.1.0.1/24", "10.0.0.2/24", "10.0.0.3/24"];
    assert_eq!(listed(&mirror), in_order);
    // Its primary goes, and it takes the place of one.
    mirror.apply(Notice::NoAddress(address("10.0.0.1/24", 253, false)));
    mirror.apply(Notice::Address(address("10.0.0.2/24", 253, false)));
    assert_eq!(
        listed(&mirror),
        ["10.0.0.2/24", "10.1.0.1/24", "10.0.0.3/24"]
    );
}

#[test]
fn the_oldest_address_of_the_link_is_the_first_one_of_ipv6() {
    // As the kernel lists them after having been given them in the order 1 to 5.
    let snapshot = |addresses: &[Address]| {
        let mut mirror = Mirror::default();
        let Notice::Link(link) = link(2, "eth0") else {
            unreachable!()
        };
        mirror.replace(Snapshot {
            links: vec![link],
            addresses: addresses.to_vec(),
        });
        listed(&mirror)
    };
    let [one, two, three, four, five] = [
        address("fe80::1/64", 253, false),
        address("fd00::2/64", 0, false),
        address("10.0.0.3/24", 0, false),
        address("fd00::4/64", 0, false),
        address("fe80::5/64", 253, false),
    ];
    let listed_then = listed(&mirror(&[
        one.clone(),
        two.clone(),
        three.clone(),
        four.clone(),
        five.clone(),
    ]));
    let in_order = [
        "10.0.0.3/24",
        "fe80::1/64",
        "fe80::5/64",
        "fd00::2/64",
        "fd00::4/64",
    ];
    assert_eq!(listed_then, in_order);
    assert_eq!(snapshot(&[three, four, two, five, one]), in_order);
}

#[test]
fn what_cannot_be_sent_from_is_said_until_it_can() {
    let mut asked = address("fe80::1/64", 253, false);
    asked.is_unusable = true;
    let mut mirror = mirror(std::slice::from_ref(&asked));
    assert_eq!(mirror.facts("eth0").unwrap().unusable, [asked.address]);
    mirror.take_changed();
    asked.is_unusable = false;
    mirror.apply(Notice::Address(asked));
    assert_eq!(mirror.take_changed(), BTreeSet::from(["eth0".into()]));
    assert!(mirror.facts("eth0").unwrap().unusable.is_empty());
}

#[test]
fn a_router_says_so() {
    let mut mirror = mirror(&[]);
    assert!(!mirror.facts("eth0").unwrap().is_router);
    let forwarding = |on| Notice::Forwarding { interface: 2, on };
    mirror.apply(forwarding(true));
    assert!(mirror.facts("eth0").unwrap().is_router);
    mirror.apply(forwarding(false));
    assert!(!mirror.facts("eth0").unwrap().is_router);
}

#[test]
fn what_is_repeated_changes_nothing() {
    let one = address("10.0.0.1/24", 0, false);
    let mut mirror = mirror(std::slice::from_ref(&one));
    mirror.take_changed();
    let before = mirror.facts("eth0");
    mirror.apply(Notice::Address(one.clone()));
    mirror.apply(link(2, "eth0"));
    assert_eq!(mirror.facts("eth0"), before);
    mirror.apply(Notice::NoAddress(address("10.0.0.1/32", 0, false)));
    assert_eq!(mirror.facts("eth0"), before);
}

#[test]
fn a_name_may_come_back_with_another_index() {
    let mut mirror = mirror(&[address("10.0.0.1/24", 0, false)]);
    mirror.take_changed();
    // The news that it has gone was lost.
    mirror.apply(link(9, "eth0"));
    let facts = mirror.facts("eth0").unwrap();
    assert_eq!((facts.index, facts.addresses.len()), (9, 0));
    assert_eq!(mirror.take_changed(), BTreeSet::from(["eth0".into()]));
    mirror.apply(link(9, "wan"));
    assert_eq!(mirror.facts("eth0"), None);
    assert!(mirror.facts("wan").is_some());
    let both = BTreeSet::from(["eth0".into(), "wan".into()]);
    assert_eq!(mirror.take_changed(), both);
    mirror.apply(Notice::NoLink(9));
    assert_eq!(mirror.facts("wan"), None);
}

#[test]
fn only_a_first_one_that_leaves_others_behind_endangers_them() {
    let first = address("10.0.0.1/24", 0, false);
    let second = address("10.0.0.2/24", 0, true);
    let third = address("10.0.0.3/24", 0, true);
    let alone = address("10.9.0.1/24", 0, false);
    let all = [first.clone(), second.clone(), third.clone(), alone.clone()];
    let mirror = mirror(&all);
    let endangered = |removed: &[&Address]| {
        let removed: Vec<_> = removed.iter().map(|address| (*address).clone()).collect();
        !mirror.endangered(&removed).is_empty()
    };
    assert!(endangered(&[&first]));
    assert!(endangered(&[&first, &second]));
    assert!(!endangered(&[&second, &alone]));
    assert!(!endangered(&[&first, &second, &third]));
}
