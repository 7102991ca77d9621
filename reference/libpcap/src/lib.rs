//! libpcap, loaded when a program runs instead of linked when it is built, so that the build needs no headers and a
//! process that captures nothing never maps it. It speaks C, which is why it stands in a crate of its own.
#![expect(unsafe_code, reason = "libpcap and setsockopt are C; each block says what makes it right")]

use std::{ffi::*, os::fd::BorrowedFd, slice};

/// A captured frame: seconds and nanoseconds since the epoch, the length on the wire, the bytes captured.
pub type Packet<'a> = (i64, i64, usize, &'a [u8]);

/// `struct pcap_pkthdr`; the part of a second is in nanoseconds, as [`Capture::open`] asks.
#[repr(C)]
struct Header(libc::timeval, u32, u32);

type Each = extern "C" fn(*mut c_void, *const Header, *const u8);

macro_rules! library {
    ($($name:ident($($kind:ty),*) -> $result:ty;)*) => {
        /// The library's functions; it is never unloaded.
        #[derive(Debug)]
        pub struct Library { $($name: unsafe extern "C" fn($($kind),*) -> $result,)* }

        impl Library {
            /// Loads the library that the dynamic loader knows as `name`: `libpcap.so.1`, or Debian's `libpcap.so.0.8`.
            ///
            /// # Errors
            ///
            /// The loader's words.
            pub fn load(name: &str) -> Result<Self, libloading::Error> {
                // SAFETY: libpcap's initialisers only set up the libraries it needs; its functions have had these types
                // since 1.5, and the library is leaked, so that they stay where they are.
                unsafe {
                    let library = Box::leak(Box::new(libloading::Library::new(name)?));
                    Ok(Self { $($name: *library.get(stringify!($name).as_bytes())?,)* })
                }
            }
        }
    };
}

library! {
    pcap_create(*const c_char, *mut c_char) -> *mut c_void;
    pcap_set_snaplen(*mut c_void, c_int) -> c_int;
    pcap_set_timeout(*mut c_void, c_int) -> c_int;
    pcap_set_buffer_size(*mut c_void, c_int) -> c_int;
    pcap_set_tstamp_precision(*mut c_void, c_int) -> c_int;
    pcap_activate(*mut c_void) -> c_int;
    pcap_setnonblock(*mut c_void, c_int, *mut c_char) -> c_int;
    pcap_get_selectable_fd(*mut c_void) -> c_int;
    pcap_datalink(*mut c_void) -> c_int;
    pcap_dispatch(*mut c_void, c_int, Each, *mut c_void) -> c_int;
    pcap_statustostr(c_int) -> *const c_char;
    pcap_geterr(*mut c_void) -> *const c_char;
    pcap_close(*mut c_void) -> ();
}

/// A live capture, closed when it is dropped.
#[derive(Debug)]
pub struct Capture<'l>(&'l Library, *mut c_void);

impl<'l> Capture<'l> {
    /// Opens `device` for reading without waiting, at most `snaplen` bytes of a frame, with a ring of `ring` bytes that
    /// hands out a block when it is full or `timeout` milliseconds old.
    ///
    /// # Errors
    ///
    /// libpcap's number for what is wrong, such as -8 for a missing permission, and its words.
    pub fn open(
        library: &'l Library,
        device: &CStr,
        [snaplen, ring, timeout]: [c_int; 3],
    ) -> Result<Self, (c_int, String)> {
        let mut words = [0; 256];
        // SAFETY: the device's name and the buffer for words (PCAP_ERRBUF_SIZE bytes) outlive the calls.
        let capture = Self(library, unsafe { (library.pcap_create)(device.as_ptr(), words.as_mut_ptr()) });
        if capture.1.is_null() {
            return Err((-1, text(words.as_ptr())));
        }
        // SAFETY: the handle is good until the drop; the settings fail only on an active handle, and this one is new.
        let status = unsafe {
            (library.pcap_set_snaplen)(capture.1, snaplen);
            (library.pcap_set_buffer_size)(capture.1, ring);
            (library.pcap_set_timeout)(capture.1, timeout);
            (library.pcap_set_tstamp_precision)(capture.1, 1);
            match (library.pcap_activate)(capture.1) {
                0.. => (library.pcap_setnonblock)(capture.1, 1, words.as_mut_ptr()),
                failed => failed,
            }
        };
        // SAFETY: the text stays until the handle is closed.
        let kind = text(unsafe { (library.pcap_statustostr)(status) });
        if status < 0 { Err((status, format!("{kind} ({})", capture.error()))) } else { Ok(capture) }
    }

    /// What to poll for readability, and its link type's number as libpcap has it (`DLT_`).
    #[must_use]
    pub fn descriptor(&self) -> (BorrowedFd<'_>, c_int) {
        // SAFETY: an active capture on Linux has a descriptor, which stays open as long as the handle.
        unsafe { (BorrowedFd::borrow_raw((self.0.pcap_get_selectable_fd)(self.1)), (self.0.pcap_datalink)(self.1)) }
    }

    /// Hands frames that are there to `each`, `most` at most, or all of one block if that is -1.
    ///
    /// # Errors
    ///
    /// libpcap's words; most often, the interface is down or gone.
    pub fn dispatch<F: FnMut(Packet<'_>)>(&mut self, most: c_int, mut each: F) -> Result<usize, String> {
        extern "C" fn hand<F: FnMut(Packet<'_>)>(each: *mut c_void, header: *const Header, bytes: *const u8) {
            // SAFETY: libpcap hands back the closure that it was given below, and a header with as many bytes as it says,
            // all of them good until this function returns. A panic ends the process at this function's edge.
            let (each, Header(time, _, length), bytes) =
                unsafe { (&mut *each.cast::<F>(), &*header, slice::from_raw_parts(bytes, (*header).1 as usize)) };
            each((time.tv_sec, time.tv_usec, *length as usize, bytes));
        }
        // SAFETY: the handle is good, and the closure lives until the call returns.
        let count = unsafe { (self.0.pcap_dispatch)(self.1, most, hand::<F>, (&raw mut each).cast()) };
        usize::try_from(count).map_err(|_| self.error())
    }

    fn error(&self) -> String {
        // SAFETY: the handle is good, and its text stays until it is used again.
        text(unsafe { (self.0.pcap_geterr)(self.1) })
    }
}

impl Drop for Capture<'_> {
    fn drop(&mut self) {
        // SAFETY: closed once; a null handle was never opened.
        (!self.1.is_null()).then(|| unsafe { (self.0.pcap_close)(self.1) });
    }
}

fn text(words: *const c_char) -> String {
    // SAFETY: libpcap's texts end in a NUL byte.
    unsafe { CStr::from_ptr(words) }.to_string_lossy().into_owned()
}
