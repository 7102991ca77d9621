//! Which journals are used, and what is done with what they say.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    time::Duration,
};

use knockd::daemon::{
    boot as clock,
    journal::record::{Key, MAGIC, OpenDoor, Record, write},
    message::{Exit, Setup},
};

use crate::world::{HOUR, Keeper, World, boot, exists};

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("a machine does not run that long")
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// A daemon goes on without a journal, and says why; what lies there is neither run nor changed.
fn refused(world: &World, setup: &Setup, why: &str) {
    let mut keeper = Keeper::start(setup).expect("it is ready");
    let log = world.log();
    let line = log.last().expect("a line");
    assert!(line.starts_with("no journal: ") && line.contains(why), "{line}");
    let before = world.noted().len();
    keeper.run(world.opening(1, HOUR));
    assert_eq!(keeper.exit(), (1, Exit::Status(0)));
    keeper.bye();
    // The door that it has opened, and nothing that was in the journal.
    assert_eq!(world.noted()[before..], ["opened"]);
    fs::remove_file(world.path("log")).expect("it is there");
}

/// A world with a journal that would be run.
fn ready() -> World {
    let world = World::new();
    world.write_journal(&[OpenDoor { stop: world.stop("run!", Duration::ZERO), due: None }]);
    world
}

#[test]
fn a_journal_that_others_can_write_or_that_is_no_file_of_ours_is_not_run() {
    let world = ready();
    let (path, setup) = (world.journal_path(), world.setup());
    for bits in [0o644, 0o660, 0o602, 0o400, 0o4600] {
        mode(&path, bits);
        refused(&world, &setup, &format!("has mode {bits:04o} and not 0600"));
    }
    mode(&path, 0o600);
    fs::hard_link(&path, world.path("second")).expect("a second name");
    refused(&world, &setup, "is not a regular file with one name");
    fs::remove_file(&path).expect("it is there");
    symlink(world.path("second"), &path).expect("a link");
    refused(&world, &setup, "is not a regular file with one name");
    fs::remove_file(&path).expect("it is there");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR).expect("a pipe");
    refused(&world, &setup, "is not a regular file with one name");
    fs::remove_file(&path).expect("it is there");
    fs::create_dir(&path).expect("a folder");
    refused(&world, &setup, "Is a directory");
    fs::remove_dir(&path).expect("it is there");
    fs::rename(world.path("second"), &path).expect("it is there");
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(65_534), None).expect("root may");
        refused(&world, &setup, "belongs to user 65534");
        std::os::unix::fs::chown(&path, Some(0), None).expect("root may");
    }
    // The same file is run once nothing speaks against it.
    world.start().bye();
    assert_eq!(world.noted().last().expect("a line"), "run!");
}

#[test]
fn a_folder_that_others_can_write_or_replace_holds_no_journal() {
    let world = ready();
    let (folder, setup) = (world.path("state"), world.setup());
    for bits in [0o777, 0o1777, 0o770, 0o702] {
        mode(&folder, bits);
        refused(&world, &setup, &format!("others may write to {} (mode {bits:04o})", folder.display()));
    }
    mode(&folder, 0o700);
    let above = folder.parent().expect("it has one");
    mode(above, 0o777);
    refused(&world, &setup, &format!("others may write to {} (mode 0777)", above.display()));
    // In a sticky folder nobody else can replace ours.
    mode(above, 0o1777);
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(&folder, Some(65_534), None).expect("root may");
        refused(&world, &setup, "belongs to user 65534");
        std::os::unix::fs::chown(&folder, Some(0), None).expect("root may");
    }
    let missing = Setup { state: Some(world.bytes("a/b")), ..world.setup() };
    refused(&world, &missing, "No such file or directory");
    fs::write(world.path("file"), "").expect("a file");
    refused(&world, &Setup { state: Some(world.bytes("file")), ..world.setup() }, "is no folder");
    world.start().bye();
    assert_eq!(world.noted().last().expect("a line"), "run!");
}

/// A daemon that dies again and again would else leave a door open for ever.
#[test]
fn a_time_that_had_to_begin_anew_does_so_once() {
    let world = World::new();
    world.write_journal(&[OpenDoor { stop: world.stop("closed", HOUR), due: None }]);
    let due = || world.journal()[0].due.expect("its time has begun");
    let before = clock::now();
    world.start().kill_both();
    let (of, first) = due();
    assert_eq!(of, boot());
    assert!((nanos(before + HOUR)..=nanos(clock::now() + HOUR)).contains(&first), "{first}");
    world.start().kill_both();
    assert_eq!(due(), (of, first));
}

#[test]
fn what_is_another_daemons_or_no_journal_is_neither_run_nor_overwritten() {
    let world = World::new();
    let mut text = MAGIC.to_vec();
    write(&Record::Key(Key { interface: b"eth1".to_vec(), ..world.key() }), &mut text);
    write(&Record::Opening { opening: 0, stop: world.stop("run!", Duration::ZERO) }, &mut text);
    world.write_journal_text(&text);
    refused(&world, &world.setup(), "is another daemon's");
    assert_eq!(fs::read(world.journal_path()).expect("it is there"), text);
    world.write_journal_text(b"precious\n");
    refused(&world, &world.setup(), "it is no journal of this version");
    assert_eq!(fs::read(world.journal_path()).expect("it is there"), b"precious\n");
}

#[test]
fn the_journal_lies_where_the_administrator_or_the_service_manager_says() {
    let world = World::new();
    let name = world.journal_path().file_name().expect("it has one").to_owned();
    for folder in ["first", "second"] {
        fs::create_dir(world.path(folder)).expect("a folder");
    }
    let list = format!("{}:{}", world.path("first").display(), world.path("second").display());
    let managed = |setup: &Setup| {
        Keeper::start_with(setup, |command| {
            command.env("STATE_DIRECTORY", &list);
        })
    };
    managed(&Setup { state: None, ..world.setup() }).expect("it is ready").bye();
    assert!(exists(&world.path("first").join(&name)) && !exists(&world.path("second").join(&name)));
    managed(&world.setup()).expect("it is ready").bye();
    assert!(exists(&world.journal_path()));
    Keeper::start(&Setup { state: None, ..world.setup() }).expect("it is ready").bye();
    assert!(exists(&world.path("").join(&name)), "beside the pid file");
}

#[test]
fn daemons_of_other_interfaces_have_other_journals() {
    let world = World::new();
    let mut first = world.start();
    let setup = Setup { interface: b"eth1".to_vec(), pid_file: world.bytes("pid1"), ..world.setup() };
    let second = Keeper::start(&setup).expect("it is ready");
    first.run(world.opening(1, HOUR));
    first.exit();
    second.bye();
    assert_eq!(fs::read_dir(world.path("state")).expect("a folder").count(), 2);
    assert_eq!((world.journal().len(), world.noted().len()), (1, 1));
    first.die();
    world.start().bye();
}

#[test]
fn doors_of_another_boot_are_closed_at_once_and_those_of_this_one_when_they_are_due() {
    let world = World::new();
    let (mut other, now) = (boot(), clock::now());
    other[0] ^= 1;
    let later = nanos(now + HOUR);
    let due = [Some((other, later)), Some((boot(), 0)), Some((boot(), later)), None];
    let doors: Vec<_> = ["other", "past", "later", "unknown"]
        .into_iter()
        .zip(due)
        .map(|(name, due)| OpenDoor { stop: world.stop(name, HOUR), due })
        .collect();
    world.write_journal(&doors);
    let mut keeper = world.start();
    // With the two that are closed, and the one whose record is forgotten in the same breath.
    keeper.run(world.opening(1, HOUR));
    keeper.exit();
    keeper.die();
    let second = world.start();
    keeper.end();
    let mut noted = world.noted();
    noted.retain(|line| line != "opened");
    noted.sort();
    assert_eq!(noted[..2], ["other", "past"]);
    assert_eq!(noted.len(), 2);
    let left: Vec<_> = world.journal().into_iter().map(|door| door.stop.command).collect();
    assert_eq!(left, [world.notes("later"), world.notes("unknown"), world.notes("closed")]);
    second.bye();
    assert_eq!(world.noted().len(), 6);
}

#[test]
fn a_torn_journal_is_used_up_to_its_last_whole_record() {
    let world = ready();
    let mut text = fs::read(world.journal_path()).expect("it is there");
    let whole = text.len();
    write(&Record::Opening { opening: 1, stop: world.stop("cut", Duration::ZERO) }, &mut text);
    text.pop();
    world.write_journal_text(&text);
    let mut keeper = world.start();
    let said =
        format!("{}: it ends within a record: what follows byte {whole} is lost", world.journal_path().display());
    assert_eq!(world.log()[0], said);
    // What is appended now can be read.
    keeper.run(world.opening(1, HOUR));
    keeper.exit();
    keeper.kill_both();
    world.start().bye();
    let mut noted = world.noted();
    noted.sort();
    noted.dedup();
    assert_eq!(noted, ["closed", "opened", "run!"]);
}

#[test]
fn a_long_journal_is_written_anew_and_loses_no_door() {
    let world = World::new();
    let mut keeper = world.start();
    let pad = "x".repeat(20_000);
    keeper.run(world.opening(0, HOUR));
    keeper.exit();
    let mut longest = 0;
    for job in 1..60 {
        let mut run = world.opening(job, HOUR);
        run.stop.as_mut().expect("it has one").command = format!("true {pad}").into_bytes();
        keeper.run(run);
        keeper.exit();
        let mut stop = world.closing(job);
        stop.command = format!("true {pad}").into_bytes();
        keeper.run(stop);
        keeper.exit();
        longest = longest.max(fs::metadata(world.journal_path()).expect("it is there").len());
    }
    assert!((200 << 10..=256 << 10).contains(&longest), "{longest}");
    keeper.kill_both();
    assert_eq!(world.journal().len(), 1);
    world.start().bye();
    assert_eq!(world.noted().last().expect("a line"), "closed");
}

#[test]
fn a_disk_that_is_full_is_said_and_stops_no_door_and_the_journal_is_whole_again_when_there_is_room() {
    let world = World::new();
    let mut keeper = Keeper::start(&Setup { verbose: true, ..world.setup() }).expect("it is ready");
    // A file that may not grow is as good as a full disk.
    let process = rustix::process::Pid::from_child(&keeper.child);
    let limit = |most| {
        let limit = rustix::process::Rlimit { current: most, maximum: None };
        rustix::process::prlimit(Some(process), rustix::process::Resource::Fsize, limit).expect("it is ours");
    };
    let mut long = world.opening(1, HOUR);
    long.stop.as_mut().expect("it has one").command.splice(..0, format!(": {}; ", "x".repeat(5_000)).into_bytes());
    limit(Some(1_024));
    keeper.run(long.clone());
    keeper.await_output("the journal cannot be written: File too large");
    assert_eq!(keeper.exit(), (1, Exit::Status(0)));
    assert!(world.journal().is_empty());
    limit(None);
    keeper.run(world.opening(2, HOUR));
    assert_eq!(keeper.exit(), (2, Exit::Status(0)));
    // What was missing is there, too.
    assert_eq!(world.journal().len(), 2);
    keeper.kill_both();
    world.start().bye();
    assert_eq!(world.noted(), ["opened", "opened", "closed", "closed"]);
}
