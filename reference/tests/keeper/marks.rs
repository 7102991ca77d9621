//! Marks of used lines (ONCE-3, ONCE-5, ONCE-6), and files opened for the watcher.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::MetadataExt,
};

use knockd::daemon::message::{Setup, Spend, ToKeeper, ToWatcher};

use crate::world::{Keeper, World};

const TEXT: &str = "# used\r\n7000,8000\n\n9000\n";

fn spend(world: &World, offset: u64) -> Spend {
    let about = fs::metadata(world.path("once")).expect("it is there");
    let expected = TEXT.as_bytes()[usize::try_from(offset).expect("a small number")];
    Spend { spend: offset, path: world.bytes("once"), device: about.dev(), inode: about.ino(), offset, expected }
}

fn result(keeper: &mut Keeper, spend: Spend) -> Result<(), String> {
    let number = spend.spend;
    keeper.say(&ToKeeper::Spend(spend));
    let heard = keeper.hear();
    let ToWatcher::Spent { spend, result } = heard else { panic!("not the mark's end: {heard:?}") };
    assert_eq!(spend, number);
    result
}

#[test]
fn one_byte_changes_and_the_file_stays_the_same_file() {
    let world = World::new();
    fs::write(world.path("once"), TEXT).expect("a file");
    std::os::unix::fs::symlink(world.path("once"), world.path("link")).expect("a link");
    let inode = fs::metadata(world.path("once")).expect("it is there").ino();
    let mut keeper = world.start();
    assert_eq!(result(&mut keeper, spend(&world, 8)), Ok(()));
    assert_eq!(world.text("once"), "# used\r\n#000,8000\n\n9000\n");
    // A path may be a link, as it may for whoever read it.
    assert_eq!(result(&mut keeper, Spend { path: world.bytes("link"), ..spend(&world, 19) }), Ok(()));
    assert_eq!(world.text("once"), "# used\r\n#000,8000\n\n#000\n");
    assert_eq!(fs::metadata(world.path("once")).expect("it is there").ino(), inode);
    keeper.bye();
}

#[test]
fn what_has_changed_since_it_was_read_is_not_marked() {
    let world = World::new();
    fs::write(world.path("once"), TEXT).expect("a file");
    let mut keeper = world.start();
    let changed = Err("the line has changed since it was read".to_owned());
    assert_eq!(result(&mut keeper, Spend { expected: b'9', ..spend(&world, 8) }), changed);
    assert_eq!(result(&mut keeper, Spend { offset: 1_000, ..spend(&world, 8) }), changed);
    let old = spend(&world, 8);
    fs::rename(world.path("once"), world.path("old")).expect("it is there");
    assert_eq!(result(&mut keeper, old.clone()), Err("No such file or directory (os error 2)".to_owned()));
    fs::write(world.path("once"), TEXT).expect("a file");
    assert_eq!(result(&mut keeper, old.clone()), Err("another file has taken its place since it was read".to_owned()));
    fs::remove_file(world.path("once")).expect("it is there");
    nix::unistd::mkfifo(&world.path("once"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    assert_eq!(result(&mut keeper, old), Err("another file has taken its place since it was read".to_owned()));
    keeper.bye();
    assert_eq!(world.text("old"), TEXT);
}

#[test]
fn a_dry_run_marks_nothing() {
    let world = World::new();
    fs::write(world.path("once"), TEXT).expect("a file");
    let mut keeper = Keeper::start(&Setup { dry_run: true, ..world.setup() }).expect("it is ready");
    assert_eq!(result(&mut keeper, spend(&world, 8)), Ok(()));
    keeper.bye();
    assert_eq!(world.text("once"), TEXT);
}

#[test]
fn a_file_is_opened_for_the_watcher() {
    let world = World::new();
    fs::write(world.path("once"), TEXT).expect("a file");
    let mut keeper = world.start();
    keeper.say(&ToKeeper::Open { request: 5, path: world.bytes("missing") });
    keeper.say(&ToKeeper::Open { request: 6, path: world.bytes("once") });
    let missing = Err("No such file or directory (os error 2)".to_owned());
    assert_eq!(keeper.hear(), ToWatcher::Opened { request: 5, result: missing });
    assert_eq!(keeper.hear(), ToWatcher::Opened { request: 6, result: Ok(()) });
    let mut text = String::new();
    File::from(keeper.descriptor()).read_to_string(&mut text).expect("a text");
    assert_eq!(text, TEXT);
    keeper.bye();
}
