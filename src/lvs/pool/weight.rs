//! What a real server weighs when checks have a say in it.

/// The weight of a server for which the file says `configured`, where each of `asked`
/// is the weight that a check wants it to have.
///
/// Each moves it by as much as its own wish differs from the file's, always from the
/// file's: nothing adds up from run to run. So one check alone has its wish, and two
/// that both want 5 less come to 10 less. keepalived does the same until a reload,
/// after which it reckons from what it had. The sum stays within what the file could
/// have said: 0 to 65535.
pub(super) fn moved(configured: u16, asked: impl IntoIterator<Item = i64>) -> u16 {
    let configured = i64::from(configured);
    let moves = asked
        .into_iter()
        .map(|wish| wish.saturating_sub(configured));
    let sum = moves.fold(configured, i64::saturating_add);
    u16::try_from(sum.max(0)).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Seen with keepalived 2.2.7, with `weight 10` and two checks with `misc_dynamic`;
    /// a status of 0 has no wish, others are the wish and 2.
    #[test]
    fn as_keepalived_has_it() {
        for (wishes, weight) in [
            (&[][..], 10),
            (&[10], 10),
            (&[10, 10], 10),
            (&[20, 10], 20),
            (&[20, 30], 40),
            (&[0, 0], 0),
            (&[0, 10], 0),
            (&[1, 1], 0),
            (&[253, 253], 496),
            (&[3], 3),
        ] {
            assert_eq!(moved(10, wishes.iter().copied()), weight, "{wishes:?}");
        }
        assert_eq!(moved(200, [253, 253]), 306);
    }

    #[test]
    fn it_stays_within_what_a_file_can_say() {
        assert_eq!(moved(60_000, [65_000, 65_000]), 65_535);
        assert_eq!(moved(60_000, [0, 0]), 0);
        assert_eq!(moved(0, [i64::MAX, i64::MAX]), 65_535);
        assert_eq!(moved(1, [i64::MIN, i64::MIN]), 0);
    }

    proptest! {
        #[test]
        fn one_wish_comes_true(configured: u16, wish: u16) {
            prop_assert_eq!(moved(configured, [i64::from(wish)]), wish);
        }

        #[test]
        fn who_wants_what_the_file_says_changes_nothing(
            configured: u16, wishes in prop::collection::vec(-600_i64..600, 0..5)
        ) {
            let more = wishes.iter().copied().chain([i64::from(configured)]);
            prop_assert_eq!(moved(configured, more), moved(configured, wishes.clone()));
        }
    }
}
