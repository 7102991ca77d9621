//! The addresses and names that the preloaded daemon is told, in place of those of this host and its resolver.
//!
//! These functions have to be written in the C library's terms, so each of them is unsafe to call.
#![cfg(target_os = "linux")]

use std::{ffi::CString, mem::zeroed, net::IpAddr, ptr::null_mut};

use libc::{AF_INET, AF_INET6, c_int, c_void, hostent, ifaddrs, sockaddr, sockaddr_in, sockaddr_in6};

/// Tells `KNOCK_LOCALS` as the addresses of the interface that is listened on.
#[expect(unsafe_code, reason = "the daemon finds the function by its name")]
#[unsafe(no_mangle)]
extern "C" fn getifaddrs(list: *mut *mut ifaddrs) -> c_int {
    let (interface, addresses) = preload_world::locals();
    let Ok(name) = CString::new(interface) else { preload_world::broken("an interface's name has a zero byte") };
    let name = name.into_raw();
    let mut first = null_mut();
    for address in addresses.into_iter().rev() {
        // SAFETY: all of the structure is integers and pointers, for which zero is a value.
        #[expect(unsafe_code, reason = "see above; the structure has no other constructor")]
        let mut entry: ifaddrs = unsafe { zeroed() };
        entry.ifa_next = first;
        entry.ifa_name = name;
        entry.ifa_addr = socket_address(address);
        first = Box::into_raw(Box::new(entry));
    }
    // SAFETY: the caller passes a place for the list, as getifaddrs(3) has it.
    #[expect(unsafe_code, reason = "see above; the result goes through a pointer")]
    unsafe {
        *list = first;
    }
    0
}

#[expect(clippy::cast_possible_truncation, reason = "the families are 2 and 10")]
fn socket_address(address: IpAddr) -> *mut sockaddr {
    // SAFETY: all of both structures is integers, for which zero is a value.
    #[expect(unsafe_code, reason = "see above; the structures have no other constructor")]
    let (mut four, mut six): (sockaddr_in, sockaddr_in6) = unsafe { zeroed() };
    match address {
        IpAddr::V4(address) => {
            four.sin_family = AF_INET as u16;
            four.sin_addr.s_addr = u32::from_ne_bytes(address.octets());
            Box::into_raw(Box::new(four)).cast()
        }
        IpAddr::V6(address) => {
            six.sin6_family = AF_INET6 as u16;
            six.sin6_addr.s6_addr = address.octets();
            Box::into_raw(Box::new(six)).cast()
        }
    }
}

/// Leaves the list to the process's end: its parts were not allocated as the C library would have done.
#[expect(unsafe_code, reason = "the daemon finds the function by its name")]
#[unsafe(no_mangle)]
extern "C" fn freeifaddrs(_list: *mut ifaddrs) {}

/// Knows no name for any address, so that nobody is asked over a network.
#[expect(unsafe_code, reason = "the daemon finds the function by its name")]
#[unsafe(no_mangle)]
extern "C" fn gethostbyaddr(_address: *const c_void, _length: u32, _family: c_int) -> *mut hostent {
    null_mut()
}
