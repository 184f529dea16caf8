//! Where the two programs differ, and what is to be so. Each has a line in
//! `docs/migrating.md` that says why.

/// A difference that is no mistake.
pub struct Expected {
    /// The configuration, or the beginning of its name.
    pub of: &'static str,
    /// What the difference has in it, all of these.
    pub has: &'static [&'static str],
    /// Words of the line in `docs/migrating.md`.
    pub line: &'static str,
}

pub const EXPECTED: &[Expected] = &[Expected {
    of: "",
    has: &["higher_prio_send_advert: keepalived off, ipvsd on"],
    line: "| `higher_prio_send_advert` not said | off | on |",
}];
