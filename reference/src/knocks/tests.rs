//! The knocks against a plain list of them.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;
use crate::flags::TcpFlags;

const DOORS: u32 = 4;
const SOURCES: [&str; 5] = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2"];

/// What is done to the knocks.
#[derive(Clone, Debug)]
enum Step {
    /// A source begins a knock at a door, or takes the one it has there further.
    Hit { source: usize, door: u32 },
    /// One of the knocks ends.
    End(Index),
    /// One of the knocks ends, and its source begins another at the same door.
    Again(Index),
    /// The oldest at stage 1 ends, as if it made room.
    EndOldestAtStage1,
    /// The doors change: where each goes, drawn without thought for the others.
    Renumber { doors: u32, places: Vec<Option<u32>> },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let places = vec(proptest::option::weighted(0.8, 0..DOORS), DOORS as usize);
    vec(
        prop_oneof![
            12 => (0..SOURCES.len(), 0..DOORS).prop_map(|(source, door)| Step::Hit { source, door }),
            4 => any::<Index>().prop_map(Step::End),
            2 => any::<Index>().prop_map(Step::Again),
            1 => Just(Step::EndOldestAtStage1),
            1 => (1..=DOORS, places).prop_map(|(doors, places)| Step::Renumber { doors, places }),
        ],
        0..80,
    )
}

/// A knock in the list, which is in the order in which they began.
struct Plain {
    id: KnockId,
    source: IpAddr,
    door: u32,
    number: u64,
    hits: Vec<Hit>,
    counted: Vec<Counted>,
}

struct Both {
    knocks: Knocks,
    list: Vec<Plain>,
    doors: u32,
    /// Makes every hit another one.
    time: u32,
}

impl Both {
    fn take(&mut self, step: Step) {
        self.time += 1;
        match step {
            Step::Hit { source, door } => self.hit(ip(SOURCES[source]), door % self.doors),
            Step::End(_) | Step::Again(_) if self.list.is_empty() => {}
            Step::End(which) => self.end(which.index(self.list.len())),
            Step::Again(which) => self.again(which.index(self.list.len())),
            Step::EndOldestAtStage1 => {
                if let Some(place) = self.list.iter().position(|knock| knock.counted.len() == 1) {
                    self.end(place);
                }
            }
            Step::Renumber { doors, places } => self.renumber(doors, &places),
        }
    }

    /// A hit that no other is like.
    fn next_hit(&self, source: IpAddr) -> (Hit, Counted) {
        let hit = Hit {
            source,
            destination: source,
            source_port: 40_000,
            port: 7000,
            protocol: if self.time.is_multiple_of(3) { Protocol::Udp } else { Protocol::Tcp },
            flags: TcpFlags(0),
            sequence: self.time,
        };
        (hit, Counted::new(&hit, Instant::from_nanos(u64::from(self.time))))
    }

    /// Numbers so large that all six bytes are needed.
    fn number(&self) -> u64 {
        NUMBERS - 1 - u64::from(self.time)
    }

    fn hit(&mut self, source: IpAddr, door: u32) {
        let (hit, counted) = self.next_hit(source);
        match self.list.iter_mut().find(|knock| knock.source == source && knock.door == door) {
            Some(knock) if knock.counted.len() < crate::sequence::MAX_PORTS => {
                knock.hits.push(hit);
                knock.counted.push(counted);
                assert_eq!(usize::from(self.knocks.advance(knock.id, counted)), knock.counted.len());
            }
            Some(_) => {}
            None => {
                let number = self.number();
                let id = self.knocks.begin(source, door, number, counted);
                self.list.push(Plain { id, source, door, number, hits: vec![hit], counted: vec![counted] });
            }
        }
    }

    fn end(&mut self, place: usize) {
        let knock = self.list.remove(place);
        let mut remembered = Vec::new();
        let seen = self.knocks.end(knock.id, |_, counted| remembered.push(counted));
        assert_eq!(seen.number, knock.number);
        assert_eq!(remembered, knock.counted);
    }

    fn again(&mut self, place: usize) {
        let Plain { id, source, door, number, counted, .. } = self.list.remove(place);
        let (hit, first) = self.next_hit(source);
        let mut remembered = Vec::new();
        let new = self.number();
        let seen = self.knocks.begin_again(id, new, first, |_, counted| remembered.push(counted));
        assert_eq!((seen.number, remembered), (number, counted));
        self.list.push(Plain { id, source, door, number: new, hits: vec![hit], counted: vec![first] });
    }

    fn renumber(&mut self, doors: u32, places: &[Option<u32>]) {
        // As a reload does: no two doors go to one place, and what belongs to a door that goes has ended.
        let mut taken = Vec::new();
        let mut free = |place: &u32| {
            *place < doors && !taken.contains(place) && {
                taken.push(*place);
                true
            }
        };
        let places: Vec<_> = places[..self.doors as usize].iter().map(|place| place.filter(&mut free)).collect();
        while let Some(gone) = self.list.iter().position(|knock| places[knock.door as usize].is_none()) {
            self.end(gone);
        }
        self.knocks.renumber(&places, doors as usize);
        for knock in &mut self.list {
            knock.door = places[knock.door as usize].expect("those without a place have ended");
        }
        self.doors = doors;
    }

    fn agree(&self) {
        let Self { knocks, list, doors, .. } = self;
        let ids = |keep: &dyn Fn(&Plain) -> bool| -> Vec<KnockId> {
            list.iter().filter(|knock| keep(knock)).map(|knock| knock.id).collect()
        };
        assert_eq!(knocks.len(), list.len());
        for source in SOURCES.map(ip) {
            let mut of_source: Vec<_> = list.iter().filter(|knock| knock.source == source).collect();
            of_source.sort_by_key(|knock| knock.door);
            let of_source: Vec<_> = of_source.into_iter().map(|knock| knock.id).collect();
            assert_eq!(knocks.any_of(&source), !of_source.is_empty());
            assert_eq!(knocks.of_source(&source).collect::<Vec<_>>(), of_source);
            for door in 0..*doors {
                let found = list.iter().find(|knock| knock.source == source && knock.door == door);
                assert_eq!(knocks.find(&source, door), found.map(|knock| knock.id));
            }
        }
        for door in 0..*doors {
            let at_door = ids(&|knock| knock.door == door);
            assert_eq!(knocks.of_door(door).collect::<Vec<_>>(), at_door);
            let oldest = list.iter().find(|knock| knock.door == door).map(|knock| (knock.counted[0].at, knock.id));
            assert_eq!(knocks.oldest_at(door), oldest);
        }
        assert_eq!(knocks.oldest_at_stage_1(), ids(&|knock| knock.counted.len() == 1).first().copied());
        for knock in list {
            let seen = knocks.seen(knock.id);
            let stage = usize::from(seen.stage);
            let is = (knock.source, knock.door, knock.number, knock.counted.len());
            assert_eq!((seen.source, seen.door, seen.number, stage), is);
            for other in list {
                for hit in &other.hits {
                    assert_eq!(knocks.repeats(knock.id, hit), other.number == knock.number, "{hit:?}");
                }
            }
        }
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

proptest! {
    #[test]
    fn a_plain_list_says_the_same(steps in steps(), bound in prop_oneof![0_usize..100, Just(usize::MAX)], seed in any::<u64>()) {
        let knocks = Knocks::new(DOORS as usize, bound, seed);
        let mut both = Both { knocks, list: Vec::new(), doors: DOORS, time: 0 };
        for step in steps {
            both.take(step);
            both.agree();
        }
    }
}

#[test]
fn a_place_is_used_again() {
    let mut knocks = Knocks::new(1, 1, 0);
    let counted = Counted { at: Instant::default(), sequence: 1, source_port: 2, port: 3, protocol: Protocol::Tcp };
    for number in 0..1_000 {
        let id = knocks.begin(ip(SOURCES[0]), 0, number, counted);
        knocks.advance(id, counted);
        knocks.end(id, |_, _| {});
    }
    assert_eq!((knocks.slots.len(), knocks.later.len()), (1, 1));
    assert_eq!(knocks.len(), 0);
    assert!(knocks.buckets.iter().all(|bucket| *bucket == NONE));
}
