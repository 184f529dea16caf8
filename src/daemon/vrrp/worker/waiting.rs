//! What waits to be done: what belongs together is done together, and what has been
//! overtaken is not done at all.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::mpsc as orders;

use nix::errno::Errno;
use socket2::Socket;

use super::{Changed, Order};
use crate::sys::rtnetlink::{Address, AddressChange, AddressKey, Changes, Commands, Refusal};
use crate::sys::vrrp_socket::Channel;

/// From how many changes on no further order is done with them: whoever waits for the
/// first ones, to announce them, is not to wait for long.
const MOST_TOGETHER: usize = 256;

/// What is to be done next.
pub enum Task {
    Change(Batch),
    Dump,
    Listen {
        interface: String,
        index: u32,
        channel: Channel,
    },
    Close(Socket),
}

/// Orders in the order in which they came.
#[derive(Default)]
pub struct Waiting {
    orders: VecDeque<Order>,
    /// By interface and address.
    last_words: HashMap<(u32, AddressKey), LastWord>,
}

/// The latest orders about an address that have not been carried out.
#[derive(Default)]
struct LastWord {
    ticket: u64,
    /// None if it is to go.
    wanted: Option<Address>,
    /// The latest one by which it is to go.
    removal: Option<u64>,
}

impl Waiting {
    /// The next task; waits for an order where there is none. None when there will be
    /// none.
    pub fn next(&mut self, to_do: &orders::Receiver<Order>) -> Option<Task> {
        if self.orders.is_empty() {
            self.put(to_do.recv().ok()?);
        }
        // Also what comes last: it may overtake what is first.
        while let Ok(order) = to_do.try_recv() {
            self.put(order);
        }
        self.take()
    }

    fn put(&mut self, order: Order) {
        if let Order::Change { ticket, changes } = &order {
            for change in &changes.changes {
                let last_word = self.last_words.entry(place(change)).or_default();
                last_word.ticket = *ticket;
                match change {
                    AddressChange::Add(address) => last_word.wanted = Some(address.clone()),
                    AddressChange::Remove(_) => {
                        last_word.wanted = None;
                        last_word.removal = Some(*ticket);
                    }
                }
            }
        }
        self.orders.push_back(order);
    }

    fn take(&mut self) -> Option<Task> {
        let mut batch = Batch::default();
        while batch.count < MOST_TOGETHER {
            match self.orders.pop_front() {
                Some(Order::Change { ticket, changes }) => self.add_to(&mut batch, ticket, changes),
                Some(other) if !batch.tickets.is_empty() => {
                    self.orders.push_front(other);
                    break;
                }
                Some(Order::Dump) => return Some(Task::Dump),
                Some(Order::Listen {
                    interface,
                    index,
                    channel,
                }) => {
                    return Some(Task::Listen {
                        interface,
                        index,
                        channel,
                    });
                }
                Some(Order::Close(socket)) => return Some(Task::Close(socket)),
                None if batch.tickets.is_empty() => return None,
                None => break,
            }
        }
        Some(Task::Change(batch))
    }

    fn add_to(&mut self, batch: &mut Batch, ticket: u64, changes: Changes) {
        batch.tickets.push((ticket, changes.changes.len()));
        batch.changes.promoting.extend(changes.promoting);
        for change in changes.changes {
            if !self.is_overtaken(ticket, &change) {
                batch.changes.changes.push(change);
                batch.places.push(batch.count);
            }
            batch.count += 1;
        }
    }

    /// Whether a later order makes this change needless: an instance that changes its
    /// state faster than thousands of addresses come and go must not end up far behind
    /// itself.
    fn is_overtaken(&mut self, ticket: u64, change: &AddressChange) -> bool {
        let place = place(change);
        let Some(last_word) = self.last_words.get(&place) else {
            return false;
        };
        if last_word.ticket == ticket {
            self.last_words.remove(&place);
            return false;
        }
        match (change, &last_word.wanted) {
            // Where nobody removes it meanwhile, it is announced when this is done.
            (AddressChange::Add(_), _) => last_word.removal > Some(ticket),
            // The kernel changes neither label nor scope of one that is there.
            (AddressChange::Remove(gone), Some(wanted)) => {
                gone.label == wanted.label && gone.scope == wanted.scope
            }
            (AddressChange::Remove(_), None) => true,
        }
    }
}

fn place(change: &AddressChange) -> (u32, AddressKey) {
    let (AddressChange::Add(address) | AddressChange::Remove(address)) = change;
    (address.interface, address.key())
}

/// Orders to change something that have come together: a thousand instances that become
/// master at once have one address each.
#[derive(Default)]
pub struct Batch {
    /// With how many changes each has.
    tickets: Vec<(u64, usize)>,
    /// How many that is in all.
    count: usize,
    /// Without those that have been overtaken.
    changes: Changes,
    /// The place of each among all.
    places: Vec<usize>,
}

impl Batch {
    /// Where an answer was lost, everything once more: what is done already is fine.
    pub fn carry_out(self, commands: &mut Commands) -> Vec<Changed> {
        let result = commands.change(&self.changes).or_else(|error| {
            tracing::debug!("an answer about addresses is lost ({error}): once more");
            commands.change(&self.changes)
        });
        let refused = result.unwrap_or_else(|error| {
            let refusal = Refusal {
                errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw),
                words: Some(format!("netlink: {error}")),
            };
            let all = 0..self.changes.changes.len();
            all.map(|index| (index, refusal.clone())).collect()
        });
        self.share_out(refused)
    }

    /// Each order's own part of what was refused.
    fn share_out(&self, refused: BTreeMap<usize, Refusal>) -> Vec<Changed> {
        let placed = refused.into_iter();
        let placed =
            placed.filter_map(|(index, refusal)| Some((*self.places.get(index)?, refusal)));
        let mut refused: BTreeMap<usize, Refusal> = placed.collect();
        let mut first = 0;
        let tickets = self.tickets.iter();
        tickets
            .map(|&(ticket, count)| {
                let later = refused.split_off(&(first + count));
                let its = std::mem::replace(&mut refused, later).into_iter();
                let refused = its.map(|(place, refusal)| (place - first, refusal));
                let refused = refused.collect();
                first += count;
                Changed { ticket, refused }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: u8) -> Address {
        let address = [10, 0, 0, host].into();
        Address {
            interface: 2,
            address,
            prefix: 32,
            peer: address,
            broadcast: None,
            scope: 0,
            label: None,
            is_secondary: false,
            is_unusable: false,
        }
    }

    fn add(hosts: &[u8]) -> Vec<AddressChange> {
        let hosts = hosts.iter().copied();
        hosts
            .map(|host| AddressChange::Add(address(host)))
            .collect()
    }

    fn remove(hosts: &[u8]) -> Vec<AddressChange> {
        let hosts = hosts.iter().copied();
        hosts
            .map(|host| AddressChange::Remove(address(host)))
            .collect()
    }

    /// These orders, with tickets from 1 on.
    fn waiting(orders: Vec<Vec<AddressChange>>) -> Waiting {
        let mut waiting = Waiting::default();
        for (ticket, changes) in (1..).zip(orders) {
            let promoting = Default::default();
            let changes = Changes { changes, promoting };
            waiting.put(Order::Change { ticket, changes });
        }
        waiting
    }

    fn next_batch(waiting: &mut Waiting) -> Batch {
        match waiting.take() {
            Some(Task::Change(batch)) => batch,
            _ => panic!("no changes"),
        }
    }

    #[test]
    fn each_order_hears_of_its_own_part() {
        // Of each the first one has been overtaken.
        let orders = vec![add(&[1, 2, 3]), vec![], add(&[1, 4, 5]), remove(&[1])];
        let batch = next_batch(&mut waiting(orders));
        assert_eq!(
            batch.changes.changes,
            [add(&[2, 3, 4, 5]), remove(&[1])].concat()
        );
        let refusal = |errno| Refusal { errno, words: None };
        let refused = BTreeMap::from([
            (0, refusal(Errno::ENODEV)),
            (2, refusal(Errno::EPERM)),
            (3, refusal(Errno::EINVAL)),
        ]);
        let shared = batch.share_out(refused);
        let shared: Vec<_> = shared
            .into_iter()
            .map(|changed| (changed.ticket, changed.refused))
            .collect();
        assert_eq!(
            shared,
            [
                (1, BTreeMap::from([(1, refusal(Errno::ENODEV))])),
                (2, BTreeMap::new()),
                (
                    3,
                    BTreeMap::from([(1, refusal(Errno::EPERM)), (2, refusal(Errno::EINVAL))])
                ),
                (4, BTreeMap::new()),
            ]
        );
    }

    #[test]
    fn only_the_last_word_on_an_address_is_carried_out() {
        let both = [1, 2];
        let orders = vec![
            add(&both),
            remove(&both),
            add(&both),
            remove(&[2]),
            add(&[3]),
        ];
        let mut waiting = waiting(orders);
        let batch = next_batch(&mut waiting);
        assert_eq!(
            batch.changes.changes,
            [add(&[1]), remove(&[2]), add(&[3])].concat()
        );
        assert!(waiting.take().is_none());
        assert!(waiting.last_words.is_empty());
    }

    #[test]
    fn what_is_announced_when_it_is_done_is_done() {
        let batch = next_batch(&mut waiting(vec![add(&[1]), add(&[1])]));
        assert_eq!(batch.changes.changes, add(&[1, 1]));
    }

    #[test]
    fn one_that_comes_with_another_label_has_to_go_first() {
        let mut labelled = address(1);
        labelled.label = Some("eth0:1".into());
        let orders = vec![remove(&[1, 2]), vec![AddressChange::Add(labelled.clone())]];
        let batch = next_batch(&mut waiting(orders));
        assert_eq!(
            batch.changes.changes,
            [remove(&[1, 2]), vec![AddressChange::Add(labelled)]].concat()
        );
    }

    #[test]
    fn a_batch_ends_where_others_wait_for_it_or_something_else_is_to_be_done() {
        let many: Vec<u8> = (0..=255).collect();
        let mut orders = waiting(vec![add(&[1]), add(&many), add(&[2])]);
        orders.put(Order::Dump);
        let tickets = |batch: Batch| batch.tickets.into_iter().map(|(ticket, _)| ticket);
        assert!(tickets(next_batch(&mut orders)).eq([1, 2]));
        assert!(tickets(next_batch(&mut orders)).eq([3]));
        assert!(matches!(orders.take(), Some(Task::Dump)));
        assert!(orders.take().is_none());
    }
}
