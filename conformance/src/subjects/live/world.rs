//! A world of its own for one case: process, mount and network namespaces, a wire, and a root in which `/case` is the
//! case's directory. Everything in it vanishes with its first process.

use std::{
    fs::{self, File},
    io,
    net::IpAddr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns, unshare},
    sys::{prctl::set_pdeathsig, signal::Signal},
    unistd::{Gid, Uid, chroot, setsid},
};

use super::{
    layout::{CASE, SYSTEM},
    netlink::{End, Netlink},
    plan::{HARDWARE, Plan},
    wire::Wire,
};
use crate::case::DIRECTORY;

/// The server's interface: the one that a daemon listens on when nobody says otherwise.
pub(super) const SERVER: &str = "eth0";
/// The client's.
pub(super) const CLIENT: &str = "eth0";

/// Two hosts and a wire between them. The process is on the server's host.
pub(super) struct World {
    server: Netlink,
    client: Netlink,
    server_namespace: File,
    client_namespace: File,
    /// The client's end of the wire.
    pub(super) wire: Wire,
    locals: Vec<(IpAddr, u8)>,
    /// Whether the server's interface is there and up.
    is_up: bool,
}

/// Goes into new namespaces and starts this program again as their first process, which is to call [`furnish`]. The
/// namespaces of the file systems and of the client's host are there then.
pub(super) fn enter(again: &mut Command) -> io::Result<ExitStatus> {
    // Whoever started this one is gone when it is killed: then the case is of no use.
    set_pdeathsig(Signal::SIGKILL)?;
    come_first()?;
    let (user, group) = (Uid::effective(), Gid::effective());
    let mut flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNET;
    if !user.is_root() {
        flags |= CloneFlags::CLONE_NEWUSER;
    }
    unshare(flags).map_err(|error| {
        let hint = "run it as root, or let users make namespaces (sysctl kernel.unprivileged_userns_clone, \
                    user.max_user_namespaces)";
        io::Error::other(format!("no namespaces could be made: {error}; {hint}"))
    })?;
    if !user.is_root() {
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
        fs::write("/proc/self/gid_map", format!("0 {group} 1"))?;
    }
    again.status()
}

/// Lets what happens in a world be on time though the machine has other things to do. A kernel that shares its time among
/// sessions gives each world a share of its own, and a large one if that is permitted; without either it goes on as it
/// is, and a world that is late says so.
fn come_first() -> io::Result<()> {
    setsid()?;
    match fs::write("/proc/self/autogroup", "-20") {
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes the root, and the two hosts, of the namespaces that [`enter`] made. `directory` is the runner's.
pub(super) fn furnish(directory: &Path, plan: &Plan) -> io::Result<World> {
    set_pdeathsig(Signal::SIGKILL)?;
    let client_namespace = namespace()?;
    let client = Netlink::open()?;
    unshare(CloneFlags::CLONE_NEWNET)?;
    let server_namespace = namespace()?;
    let server = Netlink::open()?;
    make_root(directory, &plan.system).map_err(|error| io::Error::other(format!("no root could be made: {error}")))?;
    // Nobody answers a client.
    let locals = if plan.is_client { Vec::new() } else { plan.locals.clone() };
    let wire = connect(&server, &client, &server_namespace, &client_namespace, &locals)?;
    server.set_up("lo", true)?;
    Ok(World { server, client, server_namespace, client_namespace, wire, locals, is_up: true })
}

impl World {
    /// Makes an address of the server's come or go.
    pub(super) fn address(&mut self, address: (IpAddr, u8), added: bool) -> io::Result<()> {
        self.locals.retain(|local| *local != address);
        if added {
            self.locals.push(address);
        }
        self.server.address(SERVER, address, added)
    }

    /// Brings the server's interface up or down. It comes up with its addresses, of which the kernel forgets those of
    /// IPv6 when it goes down.
    pub(super) fn set_up(&mut self, up: bool) -> io::Result<()> {
        self.is_up = up;
        self.server.set_up(SERVER, up)?;
        let back = if up { &self.locals[..] } else { &[] };
        back.iter().try_for_each(|&address| self.server.address(SERVER, address, true))
    }

    /// Deletes the server's interface.
    pub(super) fn delete(&mut self) -> io::Result<()> {
        self.is_up = false;
        self.server.delete(SERVER)
    }

    /// Makes the server's interface anew, with its addresses.
    pub(super) fn create(&mut self) -> io::Result<()> {
        self.is_up = true;
        self.wire = connect(&self.server, &self.client, &self.server_namespace, &self.client_namespace, &self.locals)?;
        Ok(())
    }

    /// Whether anybody can see packets: a socket cannot be bound to an interface that is down or gone.
    pub(super) fn is_up(&self) -> bool {
        self.is_up
    }

    /// Lets the server know where a client is, and whose hardware address belongs to it.
    pub(super) fn introduce_client(&self, address: IpAddr) -> io::Result<()> {
        self.server.route(SERVER, address)?;
        self.server.neighbour(SERVER, address, HARDWARE.from)
    }

    /// Gives the client addresses of its own, and tells it whose hardware address belongs to the server's.
    pub(super) fn be_client(&self, own: &[(IpAddr, u8)], servers: &[(IpAddr, u8)]) -> io::Result<()> {
        self.at_client(|| {
            self.client.set_up("lo", true)?;
            for &address in own {
                self.client.address(CLIENT, address, true)?;
            }
            for &(address, _) in servers {
                self.client.neighbour(CLIENT, address, HARDWARE.to)?;
            }
            Ok(())
        })
    }

    /// Does something on the client's host.
    pub(super) fn at_client<T>(&self, deed: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        at(&self.client_namespace, &self.server_namespace, deed)
    }
}

/// Makes the wire and the server's addresses.
fn connect(
    server: &Netlink,
    client: &Netlink,
    server_namespace: &File,
    client_namespace: &File,
    locals: &[(IpAddr, u8)],
) -> io::Result<Wire> {
    let here = End { name: SERVER, hardware: HARDWARE.to };
    let far = End { name: CLIENT, hardware: HARDWARE.from };
    server.add_pair(&here, &far, client_namespace)?;
    server.set_up(SERVER, true)?;
    for &address in locals {
        server.address(SERVER, address, true)?;
    }
    at(client_namespace, server_namespace, || {
        client.set_up(CLIENT, true)?;
        Wire::sender(CLIENT)
    })
}

/// Does something in the network namespace `there`, and comes back.
fn at<T>(there: &File, back: &File, deed: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    setns(there, CloneFlags::CLONE_NEWNET)?;
    let done = deed();
    setns(back, CloneFlags::CLONE_NEWNET)?;
    done
}

fn namespace() -> io::Result<File> {
    File::open("/proc/self/ns/net")
}

/// A root like the host's, but with nobody else's processes, devices or sockets, an empty `/run`, and the case's
/// directory as `/case`.
fn make_root(directory: &Path, system: &[String]) -> io::Result<()> {
    let none = None::<&Path>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    let root = directory.join("root");
    fs::create_dir(&root)?;
    file_system("tmpfs", &root, "mode=755")?;
    // It is not to be found in the copy of the directory in which it is.
    mount(none, &root, none, MsFlags::MS_UNBINDABLE, none)?;
    let own = ["case", "dev", "proc", "run", "sys"];
    for entry in fs::read_dir("/")? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if own.iter().any(|own| name == *own) {
            continue;
        }
        if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, root.join(name))?;
        } else if kind.is_dir() {
            copy_tree(&entry.path(), &root.join(name))?;
        }
    }
    copy_tree(&directory.join(CASE), &root.join(DIRECTORY.trim_start_matches('/')))?;
    for (name, options) in [("run", "mode=755"), ("dev", "mode=755")] {
        fs::create_dir(root.join(name))?;
        file_system("tmpfs", &root.join(name), options)?;
    }
    for (name, leads) in [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        symlink(leads, root.join("dev").join(name))?;
    }
    for device in ["null", "zero", "full", "random", "urandom"] {
        let place = root.join("dev").join(device);
        File::create(&place)?;
        bind(&Path::new("/dev").join(device), &place)?;
    }
    // A host that hides parts of these from containers does not let them be mounted anew; then they are the host's.
    for (kind, path) in [("proc", "/proc"), ("sysfs", "/sys")] {
        let place: PathBuf = root.join(&path[1..]);
        fs::create_dir(&place)?;
        if file_system(kind, &place, "").is_err() {
            bind(Path::new(path), &place)?;
        }
    }
    for (place, path) in system.iter().enumerate() {
        replace(&root, path, &directory.join(SYSTEM).join(place.to_string()))?;
    }
    chroot(&root)?;
    std::env::set_current_dir(DIRECTORY)
}

/// Puts the file `text` in the place of the file at `path` of the new root.
fn replace(root: &Path, path: &str, text: &Path) -> io::Result<()> {
    let path = Path::new(path);
    let mut place = root.join(path.strip_prefix("/").map_err(io::Error::other)?);
    // A link is followed inside the new root: /etc/resolv.conf often leads to /run, which is empty.
    if place.is_symlink() {
        let leads = path.parent().unwrap_or(path).join(fs::read_link(&place)?);
        place = root.join(leads.strip_prefix("/").map_err(io::Error::other)?);
        if place.starts_with(root.join("run")) {
            fs::create_dir_all(place.parent().unwrap_or(root))?;
            File::create(&place)?;
        }
    }
    bind(text, &place).map_err(|error| io::Error::other(format!("{} cannot be replaced: {error}", path.display())))
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    bind(from, to)
}

fn bind(from: &Path, to: &Path) -> io::Result<()> {
    mount(Some(from), to, None::<&Path>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&Path>)
        .map_err(|error| io::Error::other(format!("{}: {error}", from.display())))
}

fn file_system(kind: &str, place: &Path, options: &str) -> io::Result<()> {
    Ok(mount(Some(kind), place, Some(kind), MsFlags::empty(), Some(options))?)
}
