//! Openings by hand, and lives of many of them at random.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};

use super::*;

const BOOT: BootId = [1; 16];

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// What closes the door that `number` opened.
fn stop(number: u64, after: u64) -> Stop {
    let source = std::net::Ipv4Addr::new(192, 0, 2, 7).into();
    Stop { command: format!("shut {number}").into_bytes(), after: seconds(after), door: "ssh".to_owned(), source }
}

/// Openings with one that is open: the watcher's job 7, to be closed after 10 s from the 5th on.
fn one_open() -> (Openings, u64) {
    let mut openings = Openings::default();
    let number = openings.begin(7, stop(7, 10), b"open".to_vec(), 1);
    let start = Start { number, job: Some(7), command: b"open".to_vec() };
    assert_eq!(openings.durable(1), Some(start));
    assert_eq!(openings.opened(number, BOOT, seconds(5)), Some(seconds(15)));
    (openings, number)
}

fn dues(openings: &Openings) -> Vec<(u64, Option<(BootId, u64)>)> {
    openings.doors().map(|(number, door)| (*number, door.due)).collect()
}

#[test]
fn a_start_command_waits_for_its_batch_and_keeps_its_place() {
    let mut openings = Openings::default();
    let numbers = [1, 1, 2].map(|batch| openings.begin(batch, stop(batch, 1), vec![], batch));
    assert_eq!(openings.durable(0), None);
    assert_eq!(
        [openings.durable(1), openings.durable(1)].map(|start| start.map(|start| start.number)),
        [Some(numbers[0]), Some(numbers[1])]
    );
    assert_eq!(openings.durable(1), None, "the third is of the next batch");
    // Durability that was told late covers what came before.
    assert_eq!(openings.durable(9).map(|start| start.number), Some(numbers[2]));
    assert_eq!(openings.durable(9), None);
    assert_eq!(openings.len(), 3);
}

#[test]
fn while_the_watcher_lives_its_engine_says_when_to_stop() {
    let (mut openings, number) = one_open();
    assert_eq!((openings.next_due(), openings.count_own(), openings.len()), (None, 0, 1));
    assert_eq!(openings.take_due(seconds(100)), None);
    assert_eq!(openings.stop(7, b"shut 7"), number);
    assert_eq!(openings.closed(number), Some(7), "its job is told");
    assert_eq!((openings.len(), openings.closed(number)), (0, None));
}

#[test]
fn an_orphans_doors_keep_their_time() {
    let (mut openings, number) = one_open();
    let never_started = openings.begin(8, stop(8, 10), b"open".to_vec(), 2);
    assert_eq!(openings.orphan(), [never_started]);
    assert_eq!((openings.count_own(), openings.next_due()), (1, Some(seconds(15))));
    assert_eq!(openings.take_due(seconds(14)), None);
    assert_eq!(openings.take_due(seconds(15)), Some(number));
    assert_eq!(openings.next_due(), None, "it waits for a place and not for its time");
    assert_eq!(openings.next_stop(), Some(number));
    assert_eq!(openings.next_stop(), None);
    assert_eq!(openings.closed(number), None, "nobody is to be told");
    assert_eq!(openings.len(), 0);
}

#[test]
fn a_stop_command_that_was_refused_goes_first() {
    let (mut openings, number) = one_open();
    openings.orphan();
    let other = openings.begin(9, stop(9, 0), vec![], 3);
    openings.durable(3).expect("it starts");
    openings.orphan();
    openings.opened(other, BOOT, seconds(6)).expect("it is there");
    for expected in [other, number] {
        assert_eq!(openings.take_due(seconds(20)), Some(expected), "by their times");
    }
    assert_eq!(openings.next_stop(), Some(other));
    openings.again(other);
    assert_eq!([openings.next_stop(), openings.next_stop()], [Some(other), Some(number)]);
}

#[test]
fn what_a_journal_says_is_taken_over() {
    let door = |number, due| (number, OpenDoor { stop: stop(number, 10), due });
    let doors = [door(3, Some((BOOT, 50_000_000_000))), door(4, Some(([9; 16], 50_000_000_000))), door(6, None)];
    let found = Recovered { doors: doors.into(), next: 8, ..Recovered::default() };
    let mut openings = Openings::default();
    // What has its time goes on with it; the journal has yet to learn the one that begins now.
    assert_eq!(openings.adopt(found, BOOT, seconds(20)), [(6, seconds(30))]);
    let nanos = |count: u64| Some((BOOT, count * 1_000_000_000));
    // Of another boot: at once. Nobody has seen the start command end: its time begins now.
    assert_eq!(dues(&openings), [(3, nanos(50)), (4, nanos(20)), (6, nanos(30))]);
    assert_eq!([20, 30, 50].map(|now| openings.take_due(seconds(now))), [Some(4), Some(6), Some(3)]);
    assert_eq!(openings.begin(1, stop(1, 1), vec![], 1), 8, "no number is given twice");
}

#[test]
fn a_watcher_stops_what_an_earlier_doorkeeper_has_begun() {
    let door = OpenDoor { stop: stop(3, 10), due: Some((BOOT, 50_000_000_000)) };
    let found = Recovered { doors: [(3, door.clone()), (4, door)].into(), next: 8, ..Recovered::default() };
    let mut openings = Openings::default();
    assert_eq!(openings.adopt(found, BOOT, seconds(20)), []);
    assert_eq!(openings.stop(70, b"shut 3"), 3, "the first of those that this command closes");
    assert_eq!(openings.stop(71, b"shut 3"), 4);
    assert_eq!(openings.next_due(), None, "both are the watcher's");
    // One that nobody has begun is run, too, and is no door that a journal has to know.
    let unknown = openings.stop(72, b"shut 9");
    assert_eq!((unknown, openings.doors().count(), openings.len()), (8, 2, 3));
    assert_eq!([3, 4, unknown].map(|number| openings.closed(number)), [Some(70), Some(71), Some(72)]);
}

#[test]
fn at_the_end_all_are_due() {
    let (mut openings, number) = one_open();
    let starting = openings.begin(8, stop(8, 3600), vec![], 2);
    openings.durable(2).expect("it starts");
    openings.orphan();
    openings.hurry(seconds(6));
    assert_eq!(openings.take_due(seconds(6)), Some(number));
    // What is still starting is closed as soon as it is open; for the journal its time is what it was to be.
    assert_eq!(openings.opened(starting, BOOT, seconds(7)), Some(seconds(3607)));
    assert_eq!(openings.take_due(seconds(7)), Some(starting));
}

#[test]
fn a_time_that_never_comes_does_not_overflow() {
    let mut openings = Openings::default();
    let number = openings.begin(1, Stop { after: Duration::MAX, ..stop(1, 0) }, vec![], 1);
    openings.durable(1).expect("it starts");
    assert_eq!(openings.opened(number, BOOT, seconds(5)), Some(Duration::MAX));
    assert_eq!(dues(&openings), [(number, Some((BOOT, u64::MAX)))]);
}

/// What happens in a doorkeeper's life.
#[derive(Clone, Copy, Debug)]
enum Step {
    Begin { after: u64 },
    Durable,
    StartEnds,
    WatcherStops,
    StopEnds,
    StopIsRefused,
    Passes { time: u64 },
    WatcherDies,
    Hurry,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..20_u64).prop_map(|after| Step::Begin { after }),
        4 => Just(Step::Durable),
        4 => Just(Step::StartEnds),
        2 => Just(Step::WatcherStops),
        2 => Just(Step::StopEnds),
        1 => Just(Step::StopIsRefused),
        4 => (0..8_u64).prop_map(|time| Step::Passes { time }),
        1 => Just(Step::WatcherDies),
        1 => Just(Step::Hurry),
    ]
}

/// A doorkeeper around the openings: what runs, and what has run.
#[derive(Default)]
struct Life {
    openings: Openings,
    now: u64,
    batch: u64,
    hurries: bool,
    starting: BTreeSet<u64>,
    /// Those that are open, with their jobs and times.
    open: BTreeMap<u64, (Option<u64>, u64)>,
    stopping: BTreeMap<u64, Option<u64>>,
    begun: BTreeMap<u64, (u64, u64)>,
    started: BTreeSet<u64>,
    dropped: BTreeSet<u64>,
    stopped: Vec<u64>,
}

impl Life {
    fn take(&mut self, step: Step) {
        match step {
            Step::Begin { after } => {
                let job = u64::try_from(self.begun.len()).expect("few") + 100;
                let number = self.openings.begin(job, stop(job, after), job.to_ne_bytes().to_vec(), self.batch);
                assert_eq!(self.begun.insert(number, (job, after)), None, "a number is given twice");
            }
            Step::Durable => {
                while let Some(Start { number, job, command }) = self.openings.durable(self.batch) {
                    assert_eq!(
                        (job, command),
                        (Some(self.begun[&number].0), self.begun[&number].0.to_ne_bytes().to_vec())
                    );
                    self.starting.insert(number);
                    assert!(self.started.insert(number), "a start command runs twice");
                }
                self.batch += 1;
            }
            Step::StartEnds => {
                let Some(number) = self.starting.pop_first() else { return };
                let (job, after) = self.begun[&number];
                let due = self.openings.opened(number, BOOT, seconds(self.now));
                assert_eq!(due, Some(seconds(self.now + after)));
                let job = self.openings.all[&number].job.map(|_| job);
                self.open.insert(number, (job, self.now + after));
            }
            Step::WatcherStops => {
                let Some((number, job)) = self.open.iter().find_map(|(number, (job, _))| Some((*number, (*job)?)))
                else {
                    return;
                };
                self.open.remove(&number);
                assert_eq!(self.openings.stop(job, &stop(job, 0).command), number);
                self.stopping.insert(number, Some(job));
            }
            Step::StopEnds => {
                let Some((number, job)) = self.stopping.pop_first() else { return };
                assert_eq!(self.openings.closed(number), job);
                self.stopped.push(number);
            }
            Step::StopIsRefused => {
                let Some((number, job)) = self.stopping.pop_first() else { return };
                self.openings.again(number);
                assert_eq!(self.openings.next_stop(), Some(number));
                self.stopping.insert(number, job);
            }
            Step::Passes { time } => {
                self.now += time;
                while let Some(number) = self.openings.take_due(seconds(self.now)) {
                    let (job, due) = self.open.remove(&number).expect("it is open");
                    assert_eq!(job, None, "the watcher has it");
                    assert!(due <= self.now || self.hurries, "{number} is closed before its time");
                }
                while let Some(number) = self.openings.next_stop() {
                    self.stopping.insert(number, None);
                }
                assert!(self.open.values().all(|(job, due)| job.is_some() || *due > self.now), "one is forgotten");
            }
            Step::WatcherDies => {
                self.dropped.extend(self.openings.orphan());
                self.open.values_mut().for_each(|(job, _)| *job = None);
                self.stopping.values_mut().for_each(|job| *job = None);
            }
            Step::Hurry => {
                self.openings.hurry(seconds(self.now));
                self.hurries = true;
            }
        }
        let known: Vec<_> = self.openings.doors().map(|(number, _)| *number).collect();
        let left = self.begun.keys().filter(|number| !self.stopped.contains(number) && !self.dropped.contains(number));
        assert_eq!(known, left.copied().collect::<Vec<_>>(), "a journal would say something else");
    }
}

proptest! {
    /// Whatever happens, and in whatever order: what was started is stopped once, in its time, and nothing else is.
    #[test]
    fn what_is_opened_is_closed(steps in vec(step(), 0..60)) {
        let mut life = Life::default();
        for step in steps {
            life.take(step);
        }
        life.take(Step::WatcherDies);
        for _ in 0..life.begun.len() {
            life.take(Step::StartEnds);
        }
        life.take(Step::Passes { time: 1_000 });
        for _ in 0..life.begun.len() {
            life.take(Step::StopEnds);
        }
        prop_assert_eq!(life.openings.len(), 0);
        prop_assert!(life.started.is_disjoint(&life.dropped));
        life.stopped.sort_unstable();
        prop_assert_eq!(life.stopped, life.started.into_iter().collect::<Vec<_>>());
    }
}
