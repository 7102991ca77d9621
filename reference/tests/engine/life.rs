//! What holds in every life, whatever happens in whatever order: random knocks, ends of commands, marks, reloads and a
//! quit, and then everything that is pending ends.

use std::{collections::BTreeMap, time::Duration};

use knockd::{
    engine::{Effect, Input},
    event::Event,
    job::{Exit, JobId, JobKind},
};
use proptest::{collection::vec, prelude::*, sample::Index, sample::select};

use crate::world::{ALICE, BOB, CAROL, World};

const MOST_RUNNING: usize = 2;
const LINES: &str = " 1,2\n 2\n 3\n 1,3\n";

const SSH: &str =
    "[ssh]\nsequence = 1,2\ncommand = open %IP%\nstop_command = close %IP%\ncmd_timeout = 2\nseq_timeout = 5\n";
const OTHER_SSH: &str = "[ssh]\nsequence = 1,2\ncommand = other %IP%\ncommand_6 =\n";
const ONCE: &str = "[once]\none_time_sequences = otp\ncommand = once %IP%\nstop_command = shut %IP%\n";
const RENAMED: &str = "[renamed]\none_time_sequences = otp\n";

/// What a reload may find.
fn configs() -> [String; 5] {
    [
        format!("{SSH}{ONCE}"),
        format!("{ONCE}{SSH}"),
        format!("{OTHER_SSH}{ONCE}"),
        SSH.to_owned(),
        format!("{RENAMED}{SSH}"),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Hit(&'static str, &'static str),
    Wait(u64),
    Ends(Index, Exit),
    Marked(bool),
    Reload(Index),
    Quit,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let exit = select(vec![
        Exit::Status(0),
        Exit::Status(0),
        Exit::Status(1),
        Exit::Signal(9),
        Exit::Refused("too long".to_owned()),
    ]);
    let step = prop_oneof![
        20 => (select(vec![ALICE, BOB, CAROL]), select(vec!["1", "2", "3"])).prop_map(|(who, port)| Step::Hit(who, port)),
        3 => select(vec![0, 1, 1_000, 2_000, 10_000]).prop_map(Step::Wait),
        6 => (any::<Index>(), exit).prop_map(|(which, exit)| Step::Ends(which, exit)),
        5 => prop::bool::weighted(0.9).prop_map(Step::Marked),
        2 => any::<Index>().prop_map(Step::Reload),
    ];
    // Most lives see no end before their last step.
    let end = prop_oneof![3 => Just(Vec::new()), 1 => vec(Just(Step::Quit), 1)];
    (vec(step.clone(), 0..60), end, vec(step, 0..20)).prop_map(|(before, end, after)| [before, end, after].concat())
}

fn take(world: &mut World, step: Step) {
    let opened = opened_once(world);
    let marked = matches!(step, Step::Marked(true));
    match step {
        Step::Hit(who, port) => world.knock(who, &[port]),
        Step::Wait(millis) => world.wait(Duration::from_millis(millis)),
        Step::Ends(_, _) if world.running() == 0 => {}
        Step::Ends(which, exit) => world.ends_at(which.index(world.running()), exit),
        Step::Marked(_) if world.marking() == 0 => {}
        Step::Marked(true) => world.marked(Ok(())),
        Step::Marked(false) => world.marked(Err("input/output error")),
        Step::Reload(which) => world.reload(&configs()[which.index(configs().len())]),
        Step::Quit => world.feed(Input::Quit),
    }
    assert!(world.running() <= MOST_RUNNING, "CMD-8: {} commands run", world.running());
    // ONCE-6: a one-time door opens upon its mark and at no other time.
    assert!(opened_once(world) <= opened + usize::from(marked));
}

/// How often a one-time door opened.
fn opened_once(world: &World) -> usize {
    let once = |effect: &&Effect| matches!(effect, Effect::Log(Event::Opened { who }) if !who.door.file().is_empty());
    world.history.iter().filter(once).count()
}

/// Everything pending ends well.
fn finish(world: &mut World) {
    take(world, Step::Quit);
    while world.marking() > 0 {
        take(world, Step::Marked(true));
    }
    while world.running() > 0 {
        world.ends_at(0, Exit::Status(0));
        assert!(world.running() <= MOST_RUNNING, "CMD-8: {} commands run", world.running());
    }
}

/// CMD-2, CMD-5, CMD-7: each start command is followed by its stop command, once, unless it was refused or has none.
fn every_opened_door_is_closed(world: &World, refused: &[JobId]) {
    let mut jobs: BTreeMap<JobId, Vec<JobKind>> = BTreeMap::new();
    let mut stops = BTreeMap::new();
    for effect in &world.history {
        if let Effect::Run(run) = effect {
            jobs.entry(run.job).or_default().push(run.kind);
            let config = &run.who.door.config;
            let commands = if run.who.source.is_ipv4() { &config.v4 } else { &config.v6 };
            stops.insert(run.job, commands.stop.is_some());
        }
    }
    for (job, kinds) in jobs {
        let closes = stops[&job] && !refused.contains(&job);
        let expected: &[JobKind] = if closes { &[JobKind::Start, JobKind::Stop] } else { &[JobKind::Start] };
        assert_eq!(kinds, expected, "{job:?}");
    }
}

proptest! {
    #[test]
    fn a_life_in_any_order_ends_in_order(steps in steps()) {
        let mut world = World::with(&configs()[0], &[("otp", LINES)], |setup| {
            setup.limits.running_commands = MOST_RUNNING;
            setup.limits.waiting_starts = 4;
        });
        let mut refused = Vec::new();
        for step in steps {
            if let Step::Ends(which, Exit::Refused(_)) = &step && world.running() > 0 {
                refused.extend(world.starting(which.index(world.running())));
            }
            take(&mut world, step);
        }
        finish(&mut world);
        let exits = world.history.iter().filter(|effect| matches!(effect, Effect::Exit(0))).count();
        prop_assert_eq!(exits, 1);
        prop_assert!(matches!(world.history.last(), Some(Effect::Exit(0))), "PROC-4: nothing follows the exit");
        prop_assert_eq!(world.next(), None);
        prop_assert!(opened_once(&world) <= LINES.lines().count());
        every_opened_door_is_closed(&world, &refused);
    }
}
